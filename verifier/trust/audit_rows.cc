#include "verifier/trust/audit_rows.h"

#include <array>

#include "verifier/trust/columns.h"

namespace worldshare::verifier {
namespace {

constexpr const char* kAudits = R"(
  select a.unit, a.id, a.target, a.seed, a.tiles, a.samples, a.state, coalesce(a.lease, ''), coalesce(r.owner, ''),
         coalesce(r.artifact, ''), coalesce(r.renderer, ''), coalesce(r.judged, 'pending'), a.finding, a.trusted
    from audits a left join results r on r.lease = a.lease where a.unit = any($1) order by a.id)";

constexpr const char* kMeasures = R"(
  select u.id, c.frames, c.frame_seconds, c.loads, c.load_seconds, c.audits, c.audit_seconds, c.unauditable, c.chosen
    from units u join job_checks c on c.job = u.job where u.id = any($1))";

constexpr const char* kOrder = R"(
  insert into audits (unit, target, seed, tiles, samples, cost, trusted)
  select * from unnest($1::bigint[], $2::text[], $3::bigint[], $4::integer[], $5::integer[], $6::float8[], $7::bool[]))";

constexpr const char* kAnswer = R"(
  update audits a set state = x.state, lease = nullif(x.lease, ''), finding = x.finding, ended_at = clock_timestamp(),
         differing = nullif(x.differing, '')::float8, wrong_tiles = nullif(x.wrong, '')::integer,
         block_deviation = nullif(x.block, '')::float8, window_deviation = nullif(x.window, '')::float8
    from unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[])
           x(id, state, lease, finding, differing, wrong, block, "window")
   where a.id = x.id)";

constexpr const char* kMeasure = R"(
  insert into job_checks (job, frames, frame_seconds, loads, load_seconds, audits, audit_seconds, unauditable, chosen)
  select * from unnest($1::text[], $2::integer[], $3::float8[], $4::integer[], $5::float8[], $6::integer[],
                       $7::float8[], $8::text[], $9::text[]) x(job) order by x.job
  on conflict (job) do update
     set frames = job_checks.frames + excluded.frames, frame_seconds = job_checks.frame_seconds + excluded.frame_seconds,
         loads = job_checks.loads + excluded.loads, load_seconds = job_checks.load_seconds + excluded.load_seconds,
         audits = job_checks.audits + excluded.audits, audit_seconds = job_checks.audit_seconds + excluded.audit_seconds,
         unauditable = coalesce(nullif(job_checks.unauditable, ''), excluded.unauditable),
         chosen = coalesce(nullif(excluded.chosen, ''), job_checks.chosen))";

constexpr std::array<std::pair<AuditState, const char*>, 5> kStates{{
    {AuditState::kOpen, "open"},
    {AuditState::kPassed, "passed"},
    {AuditState::kFailed, "failed"},
    {AuditState::kUnable, "unable"},
    {AuditState::kDropped, "dropped"},
}};

AuditState to_state(std::string_view text) {
  for (const auto& [state, name] : kStates) {
    if (text == name) return state;
  }
  return AuditState::kDropped;
}

std::string to_text(AuditState state) {
  for (const auto& [known, name] : kStates) {
    if (known == state) return name;
  }
  return "dropped";
}

FiledAudit read_audit(const pg::Rows& rows, int row) {
  FiledAudit out;
  out.order.id = rows.integer(row, 1);
  out.order.target = rows.str(row, 2);
  out.order.seed = static_cast<std::uint64_t>(rows.integer(row, 3));
  out.order.tiles = static_cast<std::uint32_t>(rows.integer(row, 4));
  out.order.samples = static_cast<std::uint32_t>(rows.integer(row, 5));
  out.state = to_state(rows.text(row, 6));
  out.lease = rows.str(row, 7);
  out.owner = rows.str(row, 8);
  out.artifact = rows.str(row, 9);
  out.renderer = rows.str(row, 10);
  out.judged = rows.str(row, 11);
  out.finding = rows.str(row, 12);
  out.order.trusted = rows.boolean(row, 13);
  return out;
}

JobMeasures to_measures(const pg::Rows& rows, int row) {
  JobMeasures out;
  out.frames = static_cast<unsigned>(rows.integer(row, 1));
  out.frame_seconds = rows.real(row, 2);
  out.loads = static_cast<unsigned>(rows.integer(row, 3));
  out.load_seconds = rows.real(row, 4);
  out.audits = static_cast<unsigned>(rows.integer(row, 5));
  out.audit_seconds = rows.real(row, 6);
  out.unauditable = rows.str(row, 7);
  out.chosen = rows.str(row, 8);
  return out;
}

Result<> write_orders(pg::Transaction& transaction, const std::vector<Minutes::Audit>& made) {
  if (made.empty()) return {};
  return run(
      transaction, kOrder,
      {column(made, [](const auto& row) { return row.unit; }),
       column(made, [](const auto& row) { return row.order.target; }),
       column(made, [](const auto& row) { return static_cast<std::int64_t>(row.order.seed); }),
       column(made, [](const auto& row) { return std::int64_t{row.order.tiles}; }),
       column(made, [](const auto& row) { return std::int64_t{row.order.samples}; }),
       column(made, [](const auto& row) { return number(row.order.cost); }),
       column(made, [](const auto& row) { return flag(row.order.trusted); })});
}

}  // namespace

Result<> read_audits(pg::Transaction& transaction,
                     const std::vector<std::int64_t>& units,
                     std::map<std::int64_t, Papers>& papers) {
  const auto audits = transaction.exec(kAudits, {pg::array(units)});
  if (!audits) return std::unexpected(audits.error());
  for (int row = 0; row < audits->size(); ++row)
    papers[audits->integer(row, 0)].audits.push_back(read_audit(*audits, row));
  return {};
}

Result<> read_measures(pg::Transaction& transaction,
                       const std::vector<std::int64_t>& units,
                       std::map<std::int64_t, Papers>& papers) {
  const auto measures = transaction.exec(kMeasures, {pg::array(units)});
  if (!measures) return std::unexpected(measures.error());
  for (int row = 0; row < measures->size(); ++row)
    papers[measures->integer(row, 0)].measures = to_measures(*measures, row);
  return {};
}

Result<> write_audits(pg::Transaction& transaction, const Minutes& minutes) {
  if (auto ok = write_orders(transaction, minutes.audit_orders); !ok) return ok;
  const auto& rows = minutes.audit_answers;
  if (rows.empty()) return {};
  const auto figure = [](const auto& row, auto get) {
    return row.second.figures ? number(static_cast<double>(get(*row.second.figures)))
                              : std::string();
  };
  return run(transaction, kAnswer,
             {column(rows, [](const auto& row) { return row.first; }),
              column(rows, [](const auto& row) { return to_text(row.second.state); }),
              column(rows, [](const auto& row) { return row.second.lease; }),
              column(rows, [](const auto& row) { return row.second.finding; }),
              column(rows,
                     [&](const auto& row) {
                       return figure(row, [](const AuditFigures& figures) {
                         return figures.samples == 0 ? 0
                                                     : static_cast<double>(figures.differing) /
                                                           static_cast<double>(figures.samples);
                       });
                     }),
              column(rows,
                     [&](const auto& row) {
                       return row.second.figures ? std::to_string(row.second.figures->wrong_tiles)
                                                 : std::string();
                     }),
              column(rows,
                     [&](const auto& row) {
                       return figure(row,
                                     [](const AuditFigures& figures) { return figures.block; });
                     }),
              column(rows, [&](const auto& row) {
                return figure(row, [](const AuditFigures& figures) { return figures.window; });
              })});
}

Result<> write_measures(pg::Transaction& transaction, const Minutes& minutes) {
  const auto& rows = minutes.measured;
  if (rows.empty()) return {};
  return run(transaction, kMeasure,
             {column(rows, [](const auto& row) { return row.first; }),
              column(rows, [](const auto& row) { return std::int64_t{row.second.frames}; }),
              column(rows, [](const auto& row) { return number(row.second.frame_seconds); }),
              column(rows, [](const auto& row) { return std::int64_t{row.second.loads}; }),
              column(rows, [](const auto& row) { return number(row.second.load_seconds); }),
              column(rows, [](const auto& row) { return std::int64_t{row.second.audits}; }),
              column(rows, [](const auto& row) { return number(row.second.audit_seconds); }),
              column(rows, [](const auto& row) { return row.second.unauditable; }),
              column(rows, [](const auto& row) { return row.second.chosen; })});
}

}  // namespace worldshare::verifier
