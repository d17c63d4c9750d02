#include "verifier/trust/docket.h"

#include <algorithm>
#include <limits>

#include "shared/blobs/reference_lock.h"
#include "shared/crypto.h"
#include "shared/pg/unit_lock.h"
#include "verifier/metrics/metrics.h"
#include "verifier/trust/audit_rows.h"
#include "verifier/trust/columns.h"
#include "verifier/trust/reissue_rows.h"

namespace worldshare::verifier {
namespace {

// Of the accepted artifact the newest word counts. The joins are lateral so that each unit finds
// its rows by key: a plan that is kept may otherwise read all open reissues for each of them.
constexpr const char* kUnits = R"(
  select u.id, v.unit is not null or u.state <> 'open', v.decision is not distinct from 'accepted',
         coalesce(o.artifact, v.artifact), u.replicas_wanted, i.id, i.kind = 'canary'
    from units u left join verdicts v on v.unit = u.id and v.decision in ('accepted', 'failed')
    left join lateral (select artifact from verdicts w where w.unit = u.id and w.decision = 'overturned'
                        order by w.decided_at desc limit 1) o on true
    left join lateral (select id, kind from reissues r where r.unit = u.id and r.state = 'open' limit 1) i on true
   where u.id = any($1))";

constexpr const char* kResults = R"(
  select r.unit, r.lease, r.owner, r.outcome = 'rendered', r.error_code <> 'undecodable', r.artifact,
         case when r.error = '' then r.error_code else r.error end, r.judged, r.renderer, p.instead_of_audits,
         r.audit is not null, p.half
    from results r join replicas p on p.lease = r.lease
   where r.unit = any($1) and r.outcome <> 'void'
     and (r.audit is null or exists (select from audits a where a.id = r.audit and a.tiles = 0))
   order by r.unit, r.received_at, r.lease)";

// Also answers to audits.
constexpr const char* kVoids =
    "select unit, lease from results where lease = any($1) and (outcome = 'void' or audit is not "
    "null)";

constexpr const char* kComparisons =
    "select unit, lease_a, lease_b, method, psnr_db, ssim, agree from comparisons where unit = "
    "any($1)";

// The clock is read behind the units' locks, and rows follow it in steps of a microsecond, so that
// results and verdicts of a unit are ordered as they were judged, whatever the clock does.
constexpr const char* kMoment = R"(
  select greatest(clock_timestamp(), (select max(received_at) + interval '1 millisecond' from results
                                       where unit = any($1) and outcome <> 'void')))";

// Render seconds are the agent's word; it cannot have rendered for longer than it had the lease.
constexpr const char* kAddResults = R"(
  insert into results (lease, unit, owner, agent, outcome, artifact, size_bytes, render_seconds,
                       renderer, error_code, error, log_tail, judged, received_at, audit, trusted)
  select r.lease, r.unit, r.owner, r.agent, x.outcome, nullif(x.artifact, ''), nullif(x.size, -1),
         greatest(0, least(x.seconds, extract(epoch from $1::timestamptz - r.leased_at)::float8)),
         x.renderer, x.error_code, x.error, x.log_tail, x.judged,
         $1::timestamptz + x.position * interval '1 microsecond', r.audit, r.trusted
    from unnest($2::text[], $3::text[], $4::text[], $5::bigint[], $6::float8[], $7::text[], $8::text[],
                $9::text[], $10::text[], $11::text[], $12::bigint[])
           x(lease, outcome, artifact, size, seconds, renderer, error_code, error, log_tail, judged,
             position)
    join replicas r on r.lease = x.lease)";

constexpr const char* kAddComparisons = R"(
  insert into comparisons (unit, lease_a, lease_b, method, psnr_db, ssim, agree, lpips, worst_block_psnr_db,
                           lpips_network, metrics_version)
  select unit, lease_a, lease_b, method, nullif(psnr_db, '')::float8, nullif(ssim, '')::float8, agree,
         nullif(lpips, '')::float8, nullif(worst, '')::float8, case when lpips <> '' then $10 end, $11
    from unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bool[],
                $8::text[], $9::text[]) x(unit, lease_a, lease_b, method, psnr_db, ssim, agree, lpips, worst)
  on conflict do nothing)";

constexpr const char* kAddVerdicts = R"(
  insert into verdicts (unit, lease, decision, counts, replicas_needed, artifact, reason, decided_at, risk, policy)
  select unit, lease, decision, counts, needed, nullif(artifact, ''), reason,
         $1::timestamptz + position * interval '1 microsecond', nullif(risk, '')::float8,
         coalesce(nullif(policy, ''), $11)
    from unnest($2::bigint[], $3::text[], $4::text[], $5::bool[], $6::smallint[], $7::text[], $8::text[],
                $9::bigint[], $10::text[], $12::text[])
           x(unit, lease, decision, counts, needed, artifact, reason, position, risk, policy))";

constexpr const char* kJudge = R"(
  update results r set judged = x.judged from unnest($1::text[], $2::text[]) x(lease, judged)
   where r.lease = x.lease)";

constexpr const char* kAddFlaws = R"(
  update results r set error_code = 'undecodable', error = x.why
    from unnest($1::text[], $2::text[]) x(lease, why) where r.lease = x.lease)";

constexpr const char* kAddOutputs = R"(
  insert into outputs (unit, job, frame, artifact, size_bytes)
  select r.unit, u.job, u.frame, r.artifact, r.size_bytes
    from results r join units u on u.id = r.unit where r.lease = any($1) and u.shard = '')";

// A frame that was to be halved and came whole is counted like one that was put together.
constexpr const char* kSkipAssembly = R"(
  insert into assemblies (job, frame, state, finished_at)
  select u.job, u.frame, 'made', clock_timestamp() from results r join units u on u.id = r.unit
   where r.lease = any($1)
  on conflict (job, frame) do update set state = 'made', finished_at = clock_timestamp())";

// A half becomes an output together with the other one, and a part with the others of its frame.
constexpr const char* kAddMerges = R"(
  insert into merges (unit, half, artifact)
  select r.unit, p.half, r.artifact from results r join replicas p on p.lease = r.lease where r.lease = any($1))";
constexpr const char* kAwaitAssembly = R"(
  insert into assemblies (job, frame)
  select u.job, u.frame from results r join units u on u.id = r.unit
   where (r.lease = any($1) and u.shard <> '') or r.lease = any($2)
   group by u.job, u.frame order by u.job, u.frame
  on conflict (job, frame) do update set state = 'waiting', crashes = 0, due_at = now()
   where assemblies.state = 'failed')";

constexpr const char* kReplaceOutputs = R"(
  update outputs o set artifact = r.artifact, size_bytes = r.size_bytes, accepted_at = clock_timestamp()
    from results r where r.lease = any($1) and o.unit = r.unit)";

// The first time, or in place of what was accepted before.
constexpr const char* kSetFrames = R"(
  insert into outputs (unit, job, frame, artifact, size_bytes)
  select r.unit, u.job, x.frame, x.artifact, x.size_bytes
    from unnest($1::text[], $2::integer[], $3::text[], $4::bigint[]) x(lease, frame, artifact, size_bytes)
    join results r on r.lease = x.lease join units u on u.id = r.unit
  on conflict (job, frame) do update
     set artifact = excluded.artifact, size_bytes = excluded.size_bytes, accepted_at = clock_timestamp()
   where outputs.unit = excluded.unit)";

constexpr const char* kEarn = R"(
  insert into postings (lease, kind, owner, job, amount_ms)
  select r.lease, 'earned', r.owner, u.job, round(r.render_seconds * 1000)::bigint
    from results r join units u on u.id = r.unit where r.lease = any($1)
  on conflict do nothing)";

constexpr const char* kReverse = R"(
  insert into postings (lease, kind, owner, job, amount_ms)
  select lease, 'reversed', owner, job, -amount_ms from postings where lease = any($1) and kind = 'earned'
  on conflict do nothing)";

const char* to_text(Finding::Outcome outcome) {
  switch (outcome) {
    case Finding::Outcome::kRendered: return "rendered";
    case Finding::Outcome::kFailed: return "failed";
    case Finding::Outcome::kVoid: return "void";
  }
  return "void";
}

/// What an agent claims of its artifact is stored only where it can be true.
bool is_possible(const wire::ResultT& result) {
  return result.artifact && is_sha256_hex(result.artifact->sha256) &&
         result.artifact->size_bytes <= std::numeric_limits<std::int64_t>::max();
}

Comparison read_comparison(const pg::Rows& rows, int row) {
  Comparison out;
  out.method = to_method(rows.text(row, 3));
  if (!rows.is_null(row, 4)) out.psnr_db = rows.real(row, 4);
  if (!rows.is_null(row, 5)) out.ssim = rows.real(row, 5);
  out.agree = rows.boolean(row, 6);
  return out;
}

void read_unit(const pg::Rows& rows, int row, Papers& out) {
  if (rows.boolean(row, 1)) out.ending = Ending{rows.boolean(row, 2), rows.str(row, 3)};
  out.replicas_wanted = static_cast<unsigned>(rows.integer(row, 4));
  if (rows.is_null(row, 5)) return;
  out.reissue = Reissue{rows.integer(row, 5),
                        rows.boolean(row, 6) ? ReissueKind::kCanary : ReissueKind::kDoubt};
}

FiledResult read_result(const pg::Rows& rows, int row) {
  FiledResult out;
  out.lease = rows.str(row, 1);
  out.owner = rows.str(row, 2);
  out.claims_image = rows.boolean(row, 3);
  out.rendered = out.claims_image && rows.boolean(row, 4);
  out.artifact = rows.str(row, 5);
  out.error = rows.str(row, 6);
  out.judged = rows.str(row, 7);
  out.renderer = rows.str(row, 8);
  out.instead_of_audits = rows.boolean(row, 9);
  out.trusted = rows.boolean(row, 10);
  out.half = half(rows, row, 11);
  return out;
}

std::string judged_of(const Minutes& minutes, const std::string& lease) {
  const auto found = minutes.judged.find(lease);
  return found == minutes.judged.end() ? "pending" : found->second;
}

}  // namespace

Result<Docket> Docket::open(pg::Connection& connection,
                            std::vector<std::int64_t> units,
                            const Rules& rules) {
  auto transaction = pg::Transaction::begin(connection);
  if (!transaction) return std::unexpected(transaction.error());
  Docket out(std::move(*transaction), std::move(units), rules);
  if (auto ok = pg::lock_units(out.transaction_, out.units_); !ok)
    return std::unexpected(ok.error());
  return out;
}

Result<std::map<std::int64_t, Papers>> Docket::papers(const std::vector<std::string>& leases) {
  const pg::Param units = pg::array(units_);
  const auto rows = transaction_.exec(kUnits, {units});
  if (!rows) return std::unexpected(rows.error());
  const auto results = transaction_.exec(kResults, {units});
  if (!results) return std::unexpected(results.error());
  const auto voids = transaction_.exec(kVoids, {pg::array(leases)});
  if (!voids) return std::unexpected(voids.error());
  const auto comparisons = transaction_.exec(kComparisons, {units});
  if (!comparisons) return std::unexpected(comparisons.error());
  std::map<std::int64_t, Papers> out;
  for (int row = 0; row < rows->size(); ++row) read_unit(*rows, row, out[rows->integer(row, 0)]);
  for (int row = 0; row < results->size(); ++row) {
    out[results->integer(row, 0)].results.push_back(read_result(*results, row));
  }
  for (int row = 0; row < voids->size(); ++row) {
    out[voids->integer(row, 0)].voids.push_back(voids->str(row, 1));
  }
  for (int row = 0; row < comparisons->size(); ++row) {
    out[comparisons->integer(row, 0)].comparisons.emplace(
        std::minmax(comparisons->str(row, 1), comparisons->str(row, 2)),
        read_comparison(*comparisons, row));
  }
  // Without audits nobody measures jobs; units may have some all the same, ordered before.
  auto ok = read_audits(transaction_, units_, out);
  if (ok && rules_.audits) ok = read_measures(transaction_, units_, out);
  if (!ok) return std::unexpected(ok.error());
  return out;
}

Result<> Docket::beliefs(const std::map<std::int64_t, Papers>& papers,
                         std::vector<std::string> owners,
                         Beliefs& beliefs) {
  for (const auto& [unit, one] : papers) {
    for (const auto& result : one.results) owners.push_back(result.owner);
    for (const auto& audit : one.audits) {
      if (!audit.owner.empty()) owners.push_back(audit.owner);
    }
  }
  return read_beliefs(transaction_, std::move(owners), beliefs);
}

Result<> Docket::write(const Minutes& minutes, const blobs::Store& store) {
  if (minutes.results.empty()) return {};
  if (auto ok = read_moment(); !ok) return ok;
  if (auto ok = add_results(minutes); !ok) return ok;
  if (auto ok = add_comparisons(minutes); !ok) return ok;
  if (auto ok = add_verdicts(minutes); !ok) return ok;
  if (auto ok = mark_earlier(minutes); !ok) return ok;
  if (auto ok = write_audits(transaction_, minutes); !ok) return ok;
  if (auto ok = add_outcomes(minutes); !ok) return ok;
  if (auto ok = set_frames(minutes, store); !ok) return ok;
  if (auto ok = change_reissues(transaction_, minutes); !ok) return ok;
  // Last, because the rows of jobs and owners stay locked until the end.
  if (auto ok = write_measures(transaction_, minutes); !ok) return ok;
  auto excluded = change_trust(transaction_, rules_.parameters, minutes.records, minutes.trust,
                               minutes.relied_on);
  if (!excluded) return std::unexpected(excluded.error());
  exclusions_ = std::move(*excluded);
  return {};
}

Result<> Docket::read_moment() {
  const auto rows = transaction_.exec(kMoment, {pg::array(units_)});
  if (!rows) return std::unexpected(rows.error());
  moment_ = rows->str(0, 0);
  return {};
}

Result<> Docket::add_results(const Minutes& minutes) {
  const auto result = [](const Minutes::Result& row) -> const wire::ResultT& {
    return row.submission->result;
  };
  const auto lease = [](const auto& row) -> const std::string& {
    return row.submission->lease.lease;
  };
  const auto& rows = minutes.results;
  const auto added = transaction_.exec(
      kAddResults,
      {moment_, column(rows, lease),
       column(rows, [](const auto& row) { return std::string(to_text(row.outcome)); }),
       column(rows,
              [&](const auto& row) {
                return is_possible(result(row)) ? result(row).artifact->sha256 : std::string();
              }),
       column(rows,
              [&](const auto& row) {
                return is_possible(result(row))
                           ? static_cast<std::int64_t>(result(row).artifact->size_bytes)
                           : std::int64_t{-1};
              }),
       column(rows, [&](const auto& row) { return number(result(row).render_seconds); }),
       column(rows, [&](const auto& row) { return result(row).renderer; }),
       column(rows, [&](const auto& row) { return result(row).error_code; }),
       column(rows, [&](const auto& row) { return result(row).error; }),
       column(rows, [&](const auto& row) { return result(row).log_tail; }),
       column(rows, [&](const auto& row) { return judged_of(minutes, lease(row)); }),
       column(rows, [](const auto& row) { return static_cast<std::int64_t>(row.position); })});
  if (!added) return std::unexpected(added.error());
  if (added->affected() != static_cast<std::int64_t>(rows.size())) {
    return fail(Errc::kInternal, "a lease is not among the replicas any more");
  }
  return {};
}

Result<> Docket::add_comparisons(const Minutes& minutes) {
  const auto& rows = minutes.comparisons;
  if (rows.empty()) return {};
  return run(
      transaction_, kAddComparisons,
      {column(rows, [](const auto& row) { return row.unit; }),
       column(rows, [](const auto& row) { return row.lease_a; }),
       column(rows, [](const auto& row) { return row.lease_b; }),
       column(rows, [](const auto& row) { return std::string(to_string(row.comparison.method)); }),
       column(rows, [](const auto& row) { return optional(row.comparison.psnr_db); }),
       column(rows, [](const auto& row) { return optional(row.comparison.ssim); }),
       column(rows, [](const auto& row) { return flag(row.comparison.agree); }),
       column(rows, [](const auto& row) { return optional(row.comparison.lpips); }),
       column(rows, [](const auto& row) { return optional(row.comparison.worst_block_psnr_db); }),
       minutes.lpips_network, kMetricsVersion});
}

Result<> Docket::add_verdicts(const Minutes& minutes) {
  const auto& rows = minutes.verdicts;
  return run(
      transaction_, kAddVerdicts,
      {moment_,
       column(rows, [](const auto& row) { return static_cast<std::int64_t>(row.verdict.unit); }),
       column(rows, [](const auto& row) { return row.verdict.lease; }),
       column(rows,
              [](const auto& row) {
                return std::string(wire::EnumNameDecision(row.verdict.decision));
              }),
       column(rows, [](const auto& row) { return flag(row.verdict.counts); }),
       column(rows, [](const auto& row) { return std::int64_t{row.verdict.replicas_needed}; }),
       column(rows, [](const auto& row) { return row.verdict.artifact; }),
       column(rows, [](const auto& row) { return row.verdict.reason; }),
       column(rows, [](const auto& row) { return static_cast<std::int64_t>(row.position); }),
       column(rows, [](const auto& row) { return optional(row.risk); }), minutes.decided_by,
       column(rows, [](const auto& row) { return row.policy; })});
}

/// Results of earlier sittings; those of this one are written as they were judged.
Result<> Docket::mark_earlier(const Minutes& minutes) {
  auto earlier = minutes.judged;
  for (const auto& row : minutes.results) earlier.erase(row.submission->lease.lease);
  const auto key = [](const auto& row) { return row.first; };
  const auto value = [](const auto& row) { return row.second; };
  if (!earlier.empty()) {
    if (auto ok = run(transaction_, kJudge, {column(earlier, key), column(earlier, value)}); !ok)
      return ok;
  }
  if (minutes.flaws.empty()) return {};
  return run(transaction_, kAddFlaws, {column(minutes.flaws, key), column(minutes.flaws, value)});
}

/// A picture that was there before this sitting may have been collected meanwhile.
Result<> Docket::set_frames(const Minutes& minutes, const blobs::Store& store) {
  const auto& rows = minutes.frames;
  if (rows.empty()) return {};
  const auto names = column(rows, [](const auto& row) { return row.image.sha256; });
  if (auto ok = transaction_.run(blobs::kLockToRefer, {names}); !ok) return ok;
  for (const auto& row : rows) {
    const auto size = store.size(row.image.sha256);
    if (!size || *size != row.image.size_bytes)
      return fail(Errc::kUnavailable, "the blob store does not have " + row.image.sha256);
  }
  return run(transaction_, kSetFrames,
             {column(rows, [](const auto& row) { return row.lease; }),
              column(rows, [](const auto& row) { return std::int64_t{row.frame}; }), names,
              column(rows, [](const auto& row) {
                return static_cast<std::int64_t>(row.image.size_bytes);
              })});
}

Result<> Docket::add_outcomes(const Minutes& minutes) {
  const std::pair<const char*, const std::vector<std::string>&> changes[] = {
      {kAddOutputs, minutes.outputs}, {kSkipAssembly, minutes.made_whole},
      {kAddMerges, minutes.merged},   {kReplaceOutputs, minutes.replacements},
      {kEarn, minutes.credited},      {kReverse, minutes.reversed}};
  for (const auto& [sql, leases] : changes) {
    if (leases.empty()) continue;
    if (auto ok = run(transaction_, sql, {pg::array(leases)}); !ok) return ok;
  }
  if (minutes.outputs.empty() && minutes.merged.empty()) return {};
  return run(transaction_, kAwaitAssembly, {pg::array(minutes.outputs), pg::array(minutes.merged)});
}

}  // namespace worldshare::verifier
