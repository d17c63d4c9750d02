#include <algorithm>
#include <map>

#include "dispatcher/economy/ledger.h"
#include "shared/messages/messages.h"

namespace worldshare::dispatcher {
namespace {

// Whoever changes a job locks its row before those of its units.
constexpr const char* kLockJobs = R"(
  select 1 from jobs where id in (select job from units where id = any($1)) order by id for no key update)";

constexpr const char* kReports = R"(
  select x.n, p.agent, p.owner, coalesce(r.outcome <> 'failed', true)
    from unnest($1::text[]) with ordinality x(lease, n) join replicas p on p.lease = x.lease
    left join results r on r.lease = p.lease)";

// The owner's other lease goes first: one counted replica per owner and unit.
constexpr const char* kSupersede = R"(
  update replicas q set state = 'expired', ended_at = now() from replicas p
   where p.lease = any($1) and q.unit = p.unit and q.owner = p.owner and q.state = 'leased' and q.lease <> all($1))";

constexpr const char* kReported = R"(
  update replicas p set state = x.state, ended_at = now() from unnest($1::text[], $2::text[]) x(lease, state)
   where p.lease = x.lease and p.state in ('leased', 'expired'))";

constexpr const char* kClose = R"(
  update units u set state = x.state, reason = x.reason, finished_at = now()
    from unnest($1::bigint[], $2::text[], $3::text[]) x(id, state, reason)
   where u.id = x.id and u.state = 'open' returning u.id, u.job, u.state = 'accepted')";

constexpr const char* kEndLeases =
    "update replicas set state = 'expired', ended_at = now() where unit = any($1) and state = "
    "'leased'";

constexpr const char* kCount = R"(
  update jobs j set frames_accepted = j.frames_accepted + x.accepted, frames_failed = j.frames_failed + x.failed
    from unnest($1::text[], $2::integer[], $3::integer[]) x(id, accepted, failed) where j.id = x.id)";

constexpr const char* kFinish = R"(
  update jobs set state = case when frames_failed = 0 then 'completed' else 'failed' end, finished_at = now()
   where id = any($1) and state in ('queued', 'active') and frames_accepted + frames_failed = frames_total
   returning id, state)";

constexpr const char* kWanted = R"(
  update units u set replicas_wanted = greatest(u.replicas_wanted, x.wanted)
    from unnest($1::bigint[], $2::integer[]) x(id, wanted) where u.id = x.id and u.state = 'open')";

bool is_final(const wire::VerdictT& verdict) {
  return verdict.decision == wire::Decision::accepted || verdict.decision == wire::Decision::failed;
}

}  // namespace

Result<> Ledger::lock_jobs(pg::Transaction& transaction, const std::vector<std::int64_t>& units) {
  auto rows = transaction.exec(kLockJobs, {pg::array(units)});
  if (!rows) return std::unexpected(rows.error());
  return {};
}

Result<std::vector<JobEnd>> Ledger::close(pg::Transaction& transaction,
                                          const std::vector<Closing>& closings) {
  std::vector<JobEnd> ended;
  std::vector<std::int64_t> ids;
  std::vector<std::string> states;
  std::vector<std::string> reasons;
  for (const auto& closing : closings) {
    ids.push_back(closing.unit);
    states.emplace_back(closing.accepted ? "accepted" : "failed");
    reasons.push_back(messages::clean_text(closing.reason, 2000));
  }
  if (ids.empty()) return ended;
  auto closed = transaction.exec(kClose, {pg::array(ids), pg::array(states), pg::array(reasons)});
  if (!closed) return std::unexpected(closed.error());
  std::map<std::string, std::pair<std::int64_t, std::int64_t>> counts;
  for (int i = 0; i < closed->size(); ++i) {
    auto& count = counts[closed->str(i, 1)];
    ++(closed->boolean(i, 2) ? count.first : count.second);
  }
  if (counts.empty()) return ended;
  std::vector<std::string> jobs;
  std::vector<std::int64_t> accepted;
  std::vector<std::int64_t> failed;
  for (const auto& [job, count] : counts) {
    jobs.push_back(job);
    accepted.push_back(count.first);
    failed.push_back(count.second);
  }
  auto rows = transaction.exec(kEndLeases, {pg::array(ids)});
  if (rows)
    rows = transaction.exec(kCount, {pg::array(jobs), pg::array(accepted), pg::array(failed)});
  if (rows) rows = transaction.exec(kFinish, {pg::array(jobs)});
  if (!rows) return std::unexpected(rows.error());
  for (int i = 0; i < rows->size(); ++i) ended.push_back({rows->str(i, 0), rows->str(i, 1)});
  return ended;
}

Result<> Ledger::settle_replicas(pg::Transaction& transaction,
                                 std::span<const wire::VerdictT> verdicts) {
  std::vector<std::string> leases;
  std::vector<std::string> states;
  std::vector<std::string> counted;
  for (const auto& verdict : verdicts) {
    leases.push_back(verdict.lease);
    states.emplace_back(verdict.counts ? "reported" : "void");
    if (verdict.counts) counted.push_back(verdict.lease);
  }
  auto rows = transaction.exec(kSupersede, {pg::array(counted)});
  if (rows) rows = transaction.exec(kReported, {pg::array(leases), pg::array(states)});
  if (!rows) return std::unexpected(rows.error());
  return {};
}

Result<> Ledger::raise_wanted(pg::Transaction& transaction,
                              std::span<const wire::VerdictT> verdicts) {
  std::map<std::int64_t, std::int64_t> wanted;  // an update takes one row for each unit
  for (const auto& verdict : verdicts) {
    if (verdict.decision != wire::Decision::more_replicas || !verdict.counts) continue;
    auto& most = wanted[static_cast<std::int64_t>(verdict.unit)];
    most = std::max<std::int64_t>(most, verdict.opinions + verdict.replicas_needed);
  }
  if (wanted.empty()) return {};
  std::vector<std::int64_t> units;
  std::vector<std::int64_t> counts;
  for (const auto& [unit, count] : wanted) {
    units.push_back(unit);
    counts.push_back(count);
  }
  auto rows = transaction.exec(kWanted, {pg::array(units), pg::array(counts)});
  if (!rows) return std::unexpected(rows.error());
  return {};
}

Result<VerdictEffects> Ledger::record_verdicts(std::span<const wire::VerdictT> verdicts) {
  VerdictEffects effects;
  std::vector<std::string> leases;
  std::vector<std::int64_t> units;
  std::vector<Closing> closings;
  for (const auto& verdict : verdicts) {
    effects.verdicts.emplace_back().outcome =
        fail(Errc::kNotFound, "verdict on an unknown lease " + verdict.lease);
    leases.push_back(verdict.lease);
    units.push_back(static_cast<std::int64_t>(verdict.unit));
  }
  auto transaction = leadership_.begin();
  if (!transaction) return std::unexpected(transaction.error());
  auto done = lock_jobs(*transaction, units);
  if (!done) return std::unexpected(done.error());
  auto reports = transaction->exec(kReports, {pg::array(leases)});
  if (!reports) return std::unexpected(reports.error());
  for (int i = 0; i < reports->size(); ++i) {
    auto& effect = effects.verdicts[static_cast<std::size_t>(reports->integer(i, 0) - 1)];
    effect = {{}, reports->str(i, 1), reports->str(i, 2), reports->boolean(i, 3)};
  }
  for (std::size_t i = 0; i < verdicts.size(); ++i) {
    const auto& verdict = verdicts[i];
    if (!is_final(verdict) || !effects.verdicts[i].outcome) continue;
    closings.push_back({static_cast<UnitId>(verdict.unit),
                        verdict.decision == wire::Decision::accepted, verdict.reason});
  }
  done = settle_replicas(*transaction, verdicts);
  if (done) done = raise_wanted(*transaction, verdicts);
  if (!done) return std::unexpected(done.error());
  auto ended = close(*transaction, closings);
  if (!ended) return std::unexpected(ended.error());
  effects.ended = std::move(*ended);
  if (auto ok = transaction->commit(); !ok) return std::unexpected(ok.error());
  return effects;
}

Result<std::vector<JobEnd>> Ledger::fail_units(const std::vector<UnitFailure>& failures) {
  std::vector<std::int64_t> units;
  std::vector<Closing> closings;
  for (const auto& failure : failures) {
    units.push_back(failure.unit);
    closings.push_back({failure.unit, false, failure.reason});
  }
  auto transaction = leadership_.begin();
  if (!transaction) return std::unexpected(transaction.error());
  if (auto ok = lock_jobs(*transaction, units); !ok) return std::unexpected(ok.error());
  auto ended = close(*transaction, closings);
  if (!ended) return ended;
  if (auto ok = transaction->commit(); !ok) return std::unexpected(ok.error());
  return ended;
}

}  // namespace worldshare::dispatcher
