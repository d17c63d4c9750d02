#include <algorithm>
#include <iterator>
#include <map>

#include "dispatcher/economy/ledger.h"
#include "shared/messages/messages.h"
#include "shared/pg/unit_lock.h"

namespace worldshare::dispatcher {
namespace {

// Whoever changes a job locks its row before those of its units.
constexpr const char* kLockJobs = R"(
  select 1 from jobs where id in (select job from units where id = any($1)) order by id for no key update)";

constexpr const char* kUndecided = R"(
  select id from unnest($1::bigint[]) id
   where not exists (select from verdicts v where v.unit = id and v.decision in ('accepted', 'failed')))";

constexpr const char* kReports = R"(
  select x.n, p.agent, p.owner, coalesce(r.outcome <> 'failed', true), coalesce(r.render_seconds, 0),
         coalesce(p.audit, 0), p.trusted, p.half
    from unnest($1::text[]) with ordinality x(lease, n) join replicas p on p.lease = x.lease
    left join results r on r.lease = p.lease)";

// The owner's other lease goes first: one counted replica per owner and unit, but for trusted
// hardware.
constexpr const char* kSupersede = R"(
  update replicas q set state = 'expired', ended_at = now() from replicas p
   where p.lease = any($1) and q.unit = p.unit and q.owner = p.owner and q.state = 'leased' and q.lease <> p.lease
     and not p.trusted and not q.trusted)";

constexpr const char* kReported = R"(
  update replicas p set state = x.state, ended_at = now() from unnest($1::text[], $2::text[]) x(lease, state)
   where p.lease = x.lease and p.state in ('leased', 'expired'))";

constexpr const char* kClose = R"(
  update units u set state = x.state, reason = x.reason, finished_at = now()
    from unnest($1::bigint[], $2::text[], $3::text[]) x(id, state, reason)
   where u.id = x.id and u.state = 'open' returning u.job, u.frame, u.parts, u.state = 'accepted', u.frames, u.id)";

// Of several frames one may be to blame: each is asked for alone before any of them has failed.
constexpr const char* kTakeApart = R"(
  with apart as (update units set state = 'replaced' where id = any($1) returning job, frame, last_frame, frame_step)
  insert into units (job, frame, replicas_wanted)
  select a.job, f, j.replicas from apart a join jobs j on j.id = a.job
   cross join generate_series(a.frame, a.last_frame, a.frame_step) f
  returning id, job, frame, replicas_wanted)";

constexpr const char* kFailFrames = R"(
  update divided_frames d set state = 'failed' from unnest($1::text[], $2::integer[]) x(job, frame)
   where d.job = x.job and d.frame = x.frame and d.state = 'open' returning d.job)";

constexpr const char* kCancelParts = R"(
  update units u set state = 'cancelled', reason = 'another part of its frame failed', finished_at = now()
    from unnest($1::text[], $2::integer[]) x(job, frame)
   where u.job = x.job and u.frame = x.frame and u.state = 'open' returning u.id)";

constexpr const char* kEndLeases =
    "update replicas set state = 'expired', ended_at = now() where unit = any($1) and state = "
    "'leased'";

constexpr const char* kCount = R"(
  update jobs j set frames_accepted = j.frames_accepted + x.accepted, frames_failed = j.frames_failed + x.failed
    from unnest($1::text[], $2::integer[], $3::integer[]) x(id, accepted, failed) where j.id = x.id)";

constexpr const char* kFinish = R"(
  update jobs set state = case when frames_failed = 0 then 'completed' else 'failed' end, finished_at = now(), paused = false
   where id = any($1) and state in ('queued', 'active') and frames_accepted + frames_failed = frames_total
   returning id, state)";

// A frame that was asked for again has open parts, and an assembly of before.
#define WS_ASSEMBLED                                                                           \
  "d.state = 'open' and a.job = d.job and a.frame = d.frame and a.state <> 'waiting' and not " \
  "exists (select from units u where u.job = d.job and u.frame = d.frame and u.state not in "  \
  "('accepted', 'replaced'))"
constexpr const char* kLockAssembled =
    "select 1 from jobs where id in (select d.job from divided_frames d, assemblies a "
    "where " WS_ASSEMBLED ") order by id for no key update";
constexpr const char* kAssembled =
    "update divided_frames d set state = case a.state when 'made' then 'accepted' else 'failed' "
    "end "
    "from assemblies a where " WS_ASSEMBLED
    " returning d.job, d.frame, d.state = 'accepted', a.error";

constexpr const char* kWanted = R"(
  update units u set replicas_wanted = greatest(u.replicas_wanted, x.wanted)
    from unnest($1::bigint[], $2::integer[]) x(id, wanted) where u.id = x.id and u.state = 'open')";

/// Frames that ended, by job.
class FrameCounts {
 public:
  void add(const std::string& job, bool accepted, std::int64_t frames = 1) {
    auto& count = counts_[job];
    (accepted ? count.first : count.second) += frames;
  }
  /// The jobs that this ended.
  Result<std::vector<JobEnd>> write(pg::Transaction& transaction) const {
    std::vector<JobEnd> ended;
    if (counts_.empty()) return ended;
    std::vector<std::string> jobs;
    std::vector<std::int64_t> accepted;
    std::vector<std::int64_t> failed;
    for (const auto& [job, count] : counts_) {
      jobs.push_back(job);
      accepted.push_back(count.first);
      failed.push_back(count.second);
    }
    auto rows = transaction.exec(kCount, {pg::array(jobs), pg::array(accepted), pg::array(failed)});
    if (rows) rows = transaction.exec(kFinish, {pg::array(jobs)});
    if (!rows) return std::unexpected(rows.error());
    for (int i = 0; i < rows->size(); ++i) ended.push_back({rows->str(i, 0), rows->str(i, 1)});
    return ended;
  }

 private:
  std::map<std::string, std::pair<std::int64_t, std::int64_t>> counts_;
};

struct DividedFrames {
  std::vector<std::string> jobs;
  std::vector<std::int64_t> frames;
};

/// Frames of which a part failed count once, and their other parts end. Returns these.
Result<std::vector<UnitId>> fail_frames(pg::Transaction& transaction,
                                        const DividedFrames& failed,
                                        FrameCounts& counts) {
  std::vector<UnitId> cancelled;
  if (failed.jobs.empty()) return cancelled;
  const std::initializer_list<pg::Param> frames = {pg::array(failed.jobs),
                                                   pg::array(failed.frames)};
  auto rows = transaction.exec(kFailFrames, frames);
  if (!rows) return std::unexpected(rows.error());
  for (int i = 0; i < rows->size(); ++i) counts.add(rows->str(i, 0), false);
  auto parts = transaction.exec(kCancelParts, frames);
  if (!parts) return std::unexpected(parts.error());
  for (int i = 0; i < parts->size(); ++i) cancelled.push_back(parts->integer(i, 0));
  return cancelled;
}

Result<std::vector<StoredUnit>> take_apart(pg::Transaction& transaction,
                                           const std::vector<std::int64_t>& units) {
  std::vector<StoredUnit> out;
  if (units.empty()) return out;
  const auto rows = transaction.exec(kTakeApart, {pg::array(units)});
  if (!rows) return std::unexpected(rows.error());
  for (int i = 0; i < rows->size(); ++i) {
    StoredUnit unit;
    unit.id = rows->integer(i, 0);
    unit.job = rows->str(i, 1);
    unit.shard.frame = static_cast<std::int32_t>(rows->integer(i, 2));
    unit.wanted = static_cast<std::uint32_t>(rows->integer(i, 3));
    out.push_back(std::move(unit));
  }
  return out;
}

bool is_final(const wire::VerdictT& verdict) {
  return verdict.decision == wire::Decision::accepted || verdict.decision == wire::Decision::failed;
}

}  // namespace

void Endings::add(Endings other) {
  std::ranges::move(other.failed, std::back_inserter(failed));
  std::ranges::move(other.cancelled, std::back_inserter(cancelled));
  std::ranges::move(other.remade, std::back_inserter(remade));
  std::ranges::move(other.jobs, std::back_inserter(jobs));
}

Result<> Ledger::lock_jobs(pg::Transaction& transaction, const std::vector<std::int64_t>& units) {
  return transaction.run(kLockJobs, {pg::array(units)});
}

Result<Endings> Ledger::close(pg::Transaction& transaction, const std::vector<Closing>& closings) {
  Endings endings;
  std::vector<std::int64_t> ids;
  std::vector<std::string> states;
  std::vector<std::string> reasons;
  for (const auto& closing : closings) {
    ids.push_back(closing.unit);
    states.emplace_back(closing.accepted ? "accepted" : "failed");
    reasons.push_back(messages::clean_text(closing.reason, 2000));
  }
  if (ids.empty()) return endings;
  auto closed = transaction.exec(kClose, {pg::array(ids), pg::array(states), pg::array(reasons)});
  if (!closed) return std::unexpected(closed.error());
  FrameCounts counts;
  DividedFrames failed;
  std::vector<std::int64_t> apart;
  for (int i = 0; i < closed->size(); ++i) {
    const bool accepted = closed->boolean(i, 3);
    const std::int64_t frames = closed->integer(i, 4);
    const UnitId unit = closed->integer(i, 5);
    if (!accepted) endings.failed.push_back(unit);
    if (frames > 1 && !accepted) {
      apart.push_back(unit);
    } else if (closed->integer(i, 2) == 1) {
      counts.add(closed->str(i, 0), accepted, frames);
    } else if (!accepted) {
      failed.jobs.push_back(closed->str(i, 0));
      failed.frames.push_back(closed->integer(i, 1));
    }
  }
  auto remade = take_apart(transaction, apart);
  if (!remade) return std::unexpected(remade.error());
  endings.remade = std::move(*remade);
  auto cancelled = fail_frames(transaction, failed, counts);
  if (!cancelled) return std::unexpected(cancelled.error());
  endings.cancelled = std::move(*cancelled);
  ids.insert(ids.end(), endings.cancelled.begin(), endings.cancelled.end());
  auto rows = transaction.exec(kEndLeases, {pg::array(ids)});
  if (!rows) return std::unexpected(rows.error());
  auto jobs = counts.write(transaction);
  if (!jobs) return std::unexpected(jobs.error());
  endings.jobs = std::move(*jobs);
  return endings;
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
                              std::span<const wire::VerdictT> verdicts,
                              const std::vector<VerdictEffect>& effects) {
  std::map<std::int64_t, std::int64_t> wanted;  // an update takes one row for each unit
  for (std::size_t i = 0; i < verdicts.size(); ++i) {
    const auto& verdict = verdicts[i];
    if (!asks_for_opinions(verdict, effects[i])) continue;
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
  return transaction.run(kWanted, {pg::array(units), pg::array(counts)});
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
    effect = {{},
              reports->str(i, 1),
              reports->str(i, 2),
              reports->boolean(i, 3),
              reports->real(i, 4),
              reports->integer(i, 5),
              reports->boolean(i, 6),
              read_half(*reports, i, 7)};
  }
  for (std::size_t i = 0; i < verdicts.size(); ++i) {
    const auto& verdict = verdicts[i];
    if (!is_final(verdict) || !effects.verdicts[i].outcome) continue;
    closings.push_back({static_cast<UnitId>(verdict.unit),
                        verdict.decision == wire::Decision::accepted, verdict.reason});
  }
  done = settle_replicas(*transaction, verdicts);
  if (done) done = raise_wanted(*transaction, verdicts, effects.verdicts);
  if (!done) return std::unexpected(done.error());
  auto audits = read_audits(transaction->exec(kOpenAudits, {pg::array(units)}));
  if (!audits) return std::unexpected(audits.error());
  effects.audits = std::move(*audits);
  auto endings = close(*transaction, closings);
  if (!endings) return std::unexpected(endings.error());
  effects.endings = std::move(*endings);
  if (auto ok = transaction->commit(); !ok) return std::unexpected(ok.error());
  return effects;
}

Result<Endings> Ledger::fail_units(const std::vector<UnitFailure>& failures) {
  std::map<UnitId, std::string> reasons;
  std::vector<std::int64_t> units;
  for (const auto& failure : failures) {
    units.push_back(failure.unit);
    reasons[failure.unit] = failure.reason;
  }
  auto transaction = leadership_.begin();
  if (!transaction) return std::unexpected(transaction.error());
  auto ok = pg::lock_units(*transaction, units);
  if (ok) ok = lock_jobs(*transaction, units);
  if (!ok) return std::unexpected(ok.error());
  const auto undecided = transaction->exec(kUndecided, {pg::array(units)});
  if (!undecided) return std::unexpected(undecided.error());
  std::vector<Closing> closings;
  for (int i = 0; i < undecided->size(); ++i) {
    const UnitId unit = undecided->integer(i, 0);
    closings.push_back({unit, false, reasons.at(unit)});
  }
  auto endings = close(*transaction, closings);
  if (!endings) return endings;
  ok = transaction->commit();
  if (!ok) return std::unexpected(ok.error());
  return endings;
}

Result<Assembled> Ledger::count_assembled() {
  Assembled out;
  auto transaction = leadership_.begin();
  if (!transaction) return std::unexpected(transaction.error());
  auto rows = transaction->exec(kLockAssembled);
  if (rows && !rows->empty()) rows = transaction->exec(kAssembled);
  if (!rows) return std::unexpected(rows.error());
  FrameCounts counts;
  for (int i = 0; i < rows->size(); ++i) {
    out.frames.push_back({rows->str(i, 0), static_cast<std::int32_t>(rows->integer(i, 1)),
                          rows->boolean(i, 2), rows->str(i, 3)});
    counts.add(rows->str(i, 0), rows->boolean(i, 2));
  }
  auto jobs = counts.write(*transaction);
  if (!jobs) return std::unexpected(jobs.error());
  out.jobs = std::move(*jobs);
  if (auto ok = transaction->commit(); !ok) return std::unexpected(ok.error());
  return out;
}

}  // namespace worldshare::dispatcher
