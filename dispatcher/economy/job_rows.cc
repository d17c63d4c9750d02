#include "dispatcher/economy/job_rows.h"

#include <charconv>
#include <map>

#include "dispatcher/economy/audit_rows.h"
#include "shared/messages/manifest.h"

namespace worldshare::dispatcher {
namespace {

#define WS_JOB_COLUMNS                                                                          \
  "select j.id, j.state, (extract(epoch from j.changed_at) * 1000000)::bigint, "                \
  "case when j.state in ('queued', 'active') then j.manifest::text end, j.tenant, j.priority, " \
  "(extract(epoch from j.created_at) * 1000)::bigint, "                                         \
  "(extract(epoch from j.deadline) * 1000)::bigint, "                                           \
  "(extract(epoch from j.not_before) * 1000)::bigint, j.paused, j.position, j.frames_ordered, " \
  "array_to_string(j.first_frames, ','), array_to_string(j.early_frames, ','), "                \
  "array_to_string(array(select d.id from jobs d where d.id = any(j.after) "                    \
  "and d.state <> 'completed'), ',') from jobs j "

constexpr const char* kLiveJobs =
    WS_JOB_COLUMNS "where j.state in ('queued', 'active') order by j.created_at, j.id";
constexpr const char* kJobsById = WS_JOB_COLUMNS "where j.id = any($1) order by j.created_at, j.id";

// A row's time is taken before its transaction commits: look back a little.
constexpr const char* kChangedJobs = R"(
  select id, (extract(epoch from changed_at) * 1000000)::bigint from jobs
   where changed_at > to_timestamp($1 / 1000000.0) - interval '10 seconds')";

#define WS_OPEN_UNITS                                                                      \
  "select u.id, u.job, u.frame, u.replicas_wanted, u.expiries, u.shard, u.parts, u.split " \
  "from units u where u.state = 'open' "

#define WS_OPEN_REPLICAS                                                                     \
  "select p.unit, p.lease, p.agent, p.owner, p.slot, p.state, "                              \
  "r.outcome is not null and r.outcome <> 'void', "                                          \
  "(extract(epoch from p.expires_at) * 1000)::bigint, "                                      \
  "(extract(epoch from p.leased_at) * 1000)::bigint, p.half, " WS_AUDIT_COLUMNS              \
  " from replicas p join units u on u.id = p.unit left join results r on r.lease = p.lease " \
  "left join audits a on a.id = p.audit left join results t on t.lease = a.target "          \
  "where u.state = 'open' and p.state <> 'expired' "

std::vector<std::string> split(std::string_view text) {
  std::vector<std::string> parts;
  for (std::size_t begin = 0; begin < text.size();) {
    const auto end = std::min(text.find(',', begin), text.size());
    parts.emplace_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

std::vector<std::int32_t> frames(std::string_view text) {
  std::vector<std::int32_t> out;
  for (const auto& part : split(text)) {
    std::int32_t frame = 0;
    std::from_chars(part.data(), part.data() + part.size(), frame);
    out.push_back(frame);
  }
  return out;
}

Clock::TimePoint time(const pg::Rows& rows, int row, int column) {
  return from_unix_ms(static_cast<std::uint64_t>(rows.integer(row, column)));
}

Result<JobRow> to_row(const pg::Rows& rows, int row) {
  JobRow out{rows.str(row, 0), rows.str(row, 1), rows.integer(row, 2), {}};
  if (rows.is_null(row, 3)) return out;
  auto manifest = messages::parse_manifest(rows.text(row, 3));
  if (!manifest) {
    return fail(Errc::kInternal,
                "stored manifest of job " + out.id + ": " + manifest.error().message);
  }
  Job& job = out.job.emplace();
  job.id = out.id;
  job.manifest = std::move(*manifest);
  job.tenant = rows.str(row, 4);
  job.priority = static_cast<std::uint32_t>(rows.integer(row, 5));
  job.queued_at = time(rows, row, 6);
  if (!rows.is_null(row, 7)) job.deadline = time(rows, row, 7);
  job.not_before = time(rows, row, 8);
  job.paused = rows.boolean(row, 9);
  job.position = static_cast<std::uint32_t>(rows.integer(row, 10));
  job.ordered = static_cast<std::uint32_t>(rows.integer(row, 11));
  job.first = frames(rows.text(row, 12));
  const auto early = frames(rows.text(row, 13));
  job.early.insert(early.begin(), early.end());
  job.after = split(rows.text(row, 14));
  return out;
}

Result<std::vector<JobRow>> to_rows(Result<pg::Rows> rows) {
  if (!rows) return std::unexpected(rows.error());
  std::vector<JobRow> jobs;
  for (int i = 0; i < rows->size(); ++i) {
    auto job = to_row(*rows, i);
    if (!job) return std::unexpected(job.error());
    jobs.push_back(std::move(*job));
  }
  return jobs;
}

Result<std::vector<StoredUnit>> to_units(pg::Connection& pg,
                                         Result<pg::Rows> units,
                                         Result<pg::Rows> replicas) {
  if (!units) return std::unexpected(units.error());
  if (!replicas) return std::unexpected(replicas.error());
  std::vector<StoredUnit> out;
  std::map<UnitId, std::size_t> index;
  for (int i = 0; i < units->size(); ++i) {
    StoredUnit unit;
    unit.id = units->integer(i, 0);
    unit.job = units->str(i, 1);
    auto shard = read_shard(*units, i, 2, 5);
    if (!shard) return std::unexpected(shard.error());
    unit.shard = std::move(*shard);
    unit.wanted = static_cast<std::uint32_t>(units->integer(i, 3));
    unit.expiries = static_cast<std::uint32_t>(units->integer(i, 4));
    unit.parts = static_cast<std::uint32_t>(units->integer(i, 6));
    unit.split = units->boolean(i, 7);
    index[unit.id] = out.size();
    out.push_back(std::move(unit));
  }
  for (int i = 0; i < replicas->size(); ++i) {
    const auto found = index.find(replicas->integer(i, 0));
    if (found != index.end()) add_replica(out[found->second], *replicas, i);
  }
  std::vector<UnitId> ids;
  for (const auto& unit : out) ids.push_back(unit.id);
  auto audits = read_audits(pg.exec(kOpenAudits, {pg::array(ids)}));
  if (!audits) return std::unexpected(audits.error());
  for (auto& [id, orders] : *audits) out[index.at(id)].audits = std::move(orders);
  return out;
}

}  // namespace

Result<messages::Shard> read_shard(const pg::Rows& rows, int row, int frame, int shard) {
  const auto text = rows.text(row, shard);
  if (text.empty()) return messages::Shard{static_cast<std::int32_t>(rows.integer(row, frame))};
  auto out = messages::parse_shard(text);
  if (!out) return fail(Errc::kInternal, "stored unit: " + out.error().message);
  return out;
}

void add_replica(StoredUnit& unit, const pg::Rows& rows, int i) {
  const std::string_view state = rows.text(i, 5);
  const bool has_opinion = rows.boolean(i, 6);
  std::optional<AuditOrder> audit;
  if (!rows.is_null(i, 10)) audit = read_audit(rows, i, 10);
  const auto half = read_half(rows, i, 9);
  StoredUnit::Report report{rows.str(i, 1),    rows.str(i, 3),          false,
                            audit.has_value(), audit && audit->trusted, half};
  if (state == "void") unit.reports.push_back(report);
  report.counts = true;
  if (has_opinion) unit.reports.push_back(std::move(report));
  if (state != "leased" || has_opinion) return;
  Lease lease;
  lease.id = rows.str(i, 1);
  lease.unit = unit.id;
  lease.job = unit.job;
  lease.agent = rows.str(i, 2);
  lease.owner = rows.str(i, 3);
  lease.slot = static_cast<std::uint32_t>(rows.integer(i, 4));
  lease.expires_at = time(rows, i, 7);
  lease.stored_expiry = lease.expires_at;
  lease.granted_at = time(rows, i, 8);
  lease.half = half;
  lease.audit = std::move(audit);
  unit.leases.push_back(std::move(lease));
}

Result<std::vector<JobRow>> live_jobs(pg::Connection& pg) { return to_rows(pg.exec(kLiveJobs)); }

Result<std::vector<JobRow>> jobs_by_id(pg::Connection& pg, const std::vector<std::string>& ids) {
  return to_rows(pg.exec(kJobsById, {pg::array(ids)}));
}

Result<std::vector<JobVersion>> changed_jobs(pg::Connection& pg, std::int64_t version) {
  auto rows = pg.exec(kChangedJobs, {version});
  if (!rows) return std::unexpected(rows.error());
  std::vector<JobVersion> out;
  for (int i = 0; i < rows->size(); ++i) out.push_back({rows->str(i, 0), rows->integer(i, 1)});
  return out;
}

Result<std::vector<StoredUnit>> open_units(pg::Connection& pg,
                                           const std::vector<std::string>& jobs) {
  auto units = pg.exec(WS_OPEN_UNITS "and u.job = any($1) order by u.id", {pg::array(jobs)});
  return to_units(pg, std::move(units),
                  pg.exec(WS_OPEN_REPLICAS "and u.job = any($1)", {pg::array(jobs)}));
}

Result<std::vector<StoredUnit>> all_open_units(pg::Connection& pg) {
  auto units = pg.exec(WS_OPEN_UNITS "order by u.id");
  return to_units(pg, std::move(units), pg.exec(WS_OPEN_REPLICAS));
}

Result<std::vector<std::pair<std::string, TenantTerms>>> tenant_terms(pg::Connection& pg) {
  auto rows = pg.exec("select id, weight, max_leases from tenants");
  if (!rows) return std::unexpected(rows.error());
  std::vector<std::pair<std::string, TenantTerms>> out;
  for (int i = 0; i < rows->size(); ++i) {
    out.push_back({rows->str(i, 0),
                   {.weight = rows->real(i, 1),
                    .max_leases = static_cast<std::uint32_t>(rows->integer(i, 2))}});
  }
  return out;
}

}  // namespace worldshare::dispatcher
