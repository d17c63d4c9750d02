#include "verifier/trust/docket.h"

#include <algorithm>
#include <array>
#include <limits>

#include "shared/crypto.h"
#include "verifier/metrics/metrics.h"

namespace worldshare::verifier {
namespace {

// Units lock by their positive ids; services use negative keys.
constexpr const char* kLock = "select pg_advisory_xact_lock($1)";

constexpr const char* kEnding = R"(
  select v.decision is not distinct from 'accepted', v.lease, v.artifact
    from units u left join verdicts v on v.unit = u.id and v.decision in ('accepted', 'failed')
   where u.id = $1 and (v.unit is not null or u.state <> 'open'))";

// Render seconds are the agent's word; it cannot have rendered for longer than it had the lease.
// The clock is read behind the unit's lock, so that results of a unit are ordered as they were
// judged.
constexpr const char* kAddResult = R"(
  insert into results (lease, unit, owner, agent, outcome, artifact, size_bytes, render_seconds,
                       renderer, error_code, error, log_tail, judged, received_at)
  select r.lease, r.unit, r.owner, r.agent, $2::text, $3, $4::bigint,
         greatest(0, least($5::float8, extract(epoch from clock_timestamp() - r.leased_at)::float8)),
         $6, $7, $8, $9, case $2::text when 'void' then 'void' else 'pending' end, clock_timestamp()
    from replicas r where r.lease = $1
  on conflict do nothing)";

constexpr const char* kOpinions = R"(
  select lease, owner, outcome = 'rendered', artifact,
         case when error = '' then error_code else error end
    from results where unit = $1 and outcome <> 'void' order by received_at, lease)";

constexpr const char* kComparisons =
    "select lease_a, lease_b, method, psnr_db, ssim, agree from comparisons where unit = $1";

constexpr const char* kAddComparison = R"(
  insert into comparisons (unit, lease_a, lease_b, method, psnr_db, ssim, agree, metrics_version)
  values ($1, least($2, $3), greatest($2, $3), $4, $5, $6, $7, $8) on conflict do nothing)";

constexpr const char* kAddVerdict = R"(
  insert into verdicts (unit, lease, decision, counts, replicas_needed, artifact, reason, decided_at)
  values ($1, $2, $3, $4, $5, $6, $7, clock_timestamp()))";

constexpr const char* kAddOutput = R"(
  insert into outputs (unit, job, frame, artifact, size_bytes)
  select r.unit, $2, $3, r.artifact, r.size_bytes
    from results r join units u on u.id = r.unit where r.lease = $1 and u.shard = '')";

// A part becomes an output together with the others of its frame.
constexpr const char* kAwaitAssembly = R"(
  insert into assemblies (job, frame) select job, frame from units where id = $1 and shard <> ''
  on conflict do nothing)";

constexpr const char* kJudgeAll = R"(
  update results set judged = case when lease = any($2) then 'agreed'
                                   when outcome = 'rendered' then 'rejected' else 'failed' end
   where unit = $1 and outcome <> 'void')";

constexpr const char* kCredit = R"(
  insert into credit (lease, owner, job, amount)
  select lease, owner, $2, render_seconds from results where unit = $1 and judged = 'agreed'
  on conflict do nothing)";

constexpr const char* kRecordOwners = R"(
  insert into trust (owner, agreed, rejected, failed)
  select owner, count(*) filter (where judged = 'agreed'), count(*) filter (where judged = 'rejected'),
         count(*) filter (where judged = 'failed')
    from results where unit = $1 and outcome <> 'void' group by owner order by owner
  on conflict (owner) do update
     set agreed = trust.agreed + excluded.agreed, rejected = trust.rejected + excluded.rejected,
         failed = trust.failed + excluded.failed, updated_at = now())";

constexpr const char* kBlame = R"(
  insert into trust (owner, rejected) values ($1, 1)
  on conflict (owner) do update set rejected = trust.rejected + 1, updated_at = now())";

const char* to_text(Finding::Outcome outcome) {
  switch (outcome) {
    case Finding::Outcome::kRendered: return "rendered";
    case Finding::Outcome::kFailed: return "failed";
    case Finding::Outcome::kVoid: return "void";
  }
  return "void";
}

Method to_method(std::string_view text) {
  constexpr std::array kAll{Method::kSameBlob, Method::kSamePixels, Method::kMetrics};
  const auto* found =
      std::ranges::find_if(kAll, [&](Method method) { return to_string(method) == text; });
  return found == kAll.end() ? Method::kIncomparable : *found;
}

pg::Param optional(const std::optional<double>& value) {
  return value ? pg::Param(*value) : pg::Param(std::nullopt);
}

/// The artifact columns: what an agent claims is stored only where it can be true.
std::pair<pg::Param, pg::Param> artifact_columns(const wire::ResultT& result) {
  constexpr std::uint64_t kLargest = std::numeric_limits<std::int64_t>::max();
  if (!result.artifact || !is_sha256_hex(result.artifact->sha256) ||
      result.artifact->size_bytes > kLargest) {
    return {std::nullopt, std::nullopt};
  }
  return {result.artifact->sha256, result.artifact->size_bytes};
}

}  // namespace

Result<Docket> Docket::open(pg::Connection& connection, const LeaseRecord& lease) {
  auto transaction = pg::Transaction::begin(connection);
  if (!transaction) return std::unexpected(transaction.error());
  Docket out(std::move(*transaction), lease);
  if (auto ok = out.run(kLock, {lease.unit}); !ok) return std::unexpected(ok.error());
  return out;
}

Result<> Docket::run(const char* sql, std::initializer_list<pg::Param> params) {
  if (auto rows = transaction_.exec(sql, params); !rows) return std::unexpected(rows.error());
  return {};
}

Result<std::optional<Ending>> Docket::ending() {
  const auto rows = transaction_.exec(kEnding, {lease_->unit});
  if (!rows) return std::unexpected(rows.error());
  if (rows->empty()) return std::nullopt;
  return Ending{rows->boolean(0, 0), rows->str(0, 1), rows->str(0, 2)};
}

Result<bool> Docket::add_result(const wire::ResultT& result, const Finding& finding) {
  const auto artifact = artifact_columns(result);
  const auto rows = transaction_.exec(
      kAddResult, {lease_->lease, to_text(finding.outcome), artifact.first, artifact.second,
                   static_cast<double>(result.render_seconds), result.renderer, result.error_code,
                   result.error, result.log_tail});
  if (!rows) return std::unexpected(rows.error());
  return rows->affected() == 1;
}

Result<std::vector<Opinion>> Docket::opinions() {
  const auto rows = transaction_.exec(kOpinions, {lease_->unit});
  if (!rows) return std::unexpected(rows.error());
  std::vector<Opinion> out;
  for (int row = 0; row < rows->size(); ++row) {
    out.push_back({rows->str(row, 0), rows->str(row, 1), rows->boolean(row, 2), rows->str(row, 3),
                   rows->str(row, 4)});
  }
  return out;
}

Result<Comparisons> Docket::comparisons() {
  const auto rows = transaction_.exec(kComparisons, {lease_->unit});
  if (!rows) return std::unexpected(rows.error());
  Comparisons out;
  for (int row = 0; row < rows->size(); ++row) {
    Comparison comparison;
    comparison.method = to_method(rows->text(row, 2));
    if (!rows->is_null(row, 3)) comparison.psnr_db = rows->real(row, 3);
    if (!rows->is_null(row, 4)) comparison.ssim = rows->real(row, 4);
    comparison.agree = rows->boolean(row, 5);
    out[std::minmax(rows->str(row, 0), rows->str(row, 1))] = comparison;
  }
  return out;
}

Result<> Docket::add_comparison(const std::string& lease_a,
                                const std::string& lease_b,
                                const Comparison& comparison) {
  return run(kAddComparison, {lease_->unit, lease_a, lease_b, to_string(comparison.method),
                              optional(comparison.psnr_db), optional(comparison.ssim),
                              comparison.agree, kMetricsVersion});
}

Result<> Docket::add_verdict(const Verdict& verdict) {
  const pg::Param artifact =
      verdict.artifact ? pg::Param(*verdict.artifact) : pg::Param(std::nullopt);
  return run(kAddVerdict, {lease_->unit, lease_->lease, wire::EnumNameDecision(verdict.decision),
                           verdict.counts, verdict.replicas_needed, artifact, verdict.reason});
}

Result<> Docket::mark(const std::string& lease, const std::string& judged) {
  return run("update results set judged = $2 where lease = $1", {lease, judged});
}

Result<> Docket::accept(const std::string& accepted_lease, const std::vector<std::string>& agreed) {
  if (auto ok = run(kAddOutput, {accepted_lease, lease_->job, lease_->frame}); !ok) return ok;
  if (auto ok = run(kAwaitAssembly, {lease_->unit}); !ok) return ok;
  if (auto ok = run(kJudgeAll, {lease_->unit, pg::array(agreed)}); !ok) return ok;
  if (auto ok = run(kCredit, {lease_->unit, lease_->job}); !ok) return ok;
  return run(kRecordOwners, {lease_->unit});
}

Result<> Docket::give_up() {
  return run(kJudgeAll, {lease_->unit, pg::array(std::vector<std::string>{})});
}

Result<> Docket::blame_owner() { return run(kBlame, {lease_->owner}); }

}  // namespace worldshare::verifier
