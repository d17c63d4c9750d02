#include "dispatcher/economy/ledger.h"

#include "shared/messages/manifest.h"

namespace worldshare::dispatcher {
namespace {

// Advisory locks with negative keys are the services' own; units use their positive ids.
constexpr const char* kTryLead = "select pg_try_advisory_lock(-1001)";

constexpr const char* kOpenJobs =
    "select id, manifest::text, frames_made from jobs where state in ('queued', 'active') order by "
    "created_at, id";

constexpr const char* kOpenUnits = R"(
  select u.id, u.frame, u.replicas_wanted,
         (select count(*) from replicas p where p.unit = u.id and p.state = 'expired')
    from units u where u.job = $1 and u.state = 'open' order by u.id)";

constexpr const char* kOpenReplicas = R"(
  select p.unit, p.lease, p.agent, p.owner, p.slot, p.state, r.outcome is not null and r.outcome <> 'void',
         (extract(epoch from p.expires_at) * 1000)::bigint
    from replicas p join units u on u.id = p.unit left join results r on r.lease = p.lease
   where u.job = $1 and u.state = 'open')";

constexpr const char* kMakeUnits = R"(
  insert into units (job, frame, replicas_wanted) select $1, f, $3 from unnest($2::integer[]) f
  on conflict (job, frame, shard) where state <> 'replaced' do update set frame = excluded.frame returning id, frame)";

constexpr const char* kCountMade = R"(
  update jobs set frames_made = $2, state = 'active', started_at = coalesce(started_at, now())
   where id = $1 and frames_made = $3 and state in ('queued', 'active'))";

constexpr const char* kGrant = R"(
  insert into replicas (lease, unit, agent, owner, slot, expires_at)
  select * from unnest($1::text[], $2::bigint[], $3::text[], $4::text[], $5::integer[],
                       (select array_agg(to_timestamp(t / 1000.0) order by n)
                          from unnest($6::bigint[]) with ordinality x(t, n))))";

constexpr const char* kExtend = R"(
  update replicas p set expires_at = to_timestamp(x.t / 1000.0)
    from unnest($1::text[], $2::bigint[]) x(lease, t) where p.lease = x.lease and p.state = 'leased')";

constexpr const char* kExpire =
    "update replicas set state = 'expired', ended_at = now() where lease = any($1) and state = "
    "'leased'";

// The owner's other lease goes first: one counted replica per owner and unit.
constexpr const char* kSupersede = R"(
  update replicas set state = 'expired', ended_at = now()
   where state = 'leased' and lease <> $1
     and (unit, owner) = (select unit, owner from replicas where lease = $1))";

constexpr const char* kReported = R"(
  update replicas set state = $2, ended_at = now()
   where lease = $1 and state in ('leased', 'expired'))";

constexpr const char* kClose =
    "update units set state = $2, reason = $3, finished_at = now() where id = $1 and state = "
    "'open' returning job";

constexpr const char* kEndLeases =
    "update replicas set state = 'expired', ended_at = now() where unit = $1 and state = 'leased'";

constexpr const char* kCount = R"(
  update jobs set frames_accepted = frames_accepted + $2, frames_failed = frames_failed + $3
   where id = $1 returning frames_accepted + frames_failed = frames_total, frames_failed = 0)";

constexpr const char* kFinish =
    "update jobs set state = $2, finished_at = now() where id = $1 and state in ('queued', "
    "'active')";

Result<Job> to_job(const pg::Rows& rows, int row) {
  auto manifest = messages::parse_manifest(rows.text(row, 1));
  if (!manifest) {
    return fail(Errc::kInternal,
                "stored manifest of job " + rows.str(row, 0) + ": " + manifest.error().message);
  }
  return Job{rows.str(row, 0), std::move(*manifest),
             static_cast<std::uint32_t>(rows.integer(row, 2))};
}

}  // namespace

Result<bool> Ledger::try_lead() {
  auto rows = connection_.exec(kTryLead);
  if (!rows) return std::unexpected(rows.error());
  return rows->boolean(0, 0);
}

Result<std::vector<Job>> Ledger::open_jobs() {
  auto rows = connection_.exec(kOpenJobs);
  if (!rows) return std::unexpected(rows.error());
  std::vector<Job> jobs;
  for (int i = 0; i < rows->size(); ++i) {
    auto job = to_job(*rows, i);
    if (!job) return std::unexpected(job.error());
    jobs.push_back(std::move(*job));
  }
  return jobs;
}

Result<std::vector<StoredUnit>> Ledger::open_units(const std::string& job) {
  auto units = connection_.exec(kOpenUnits, {job});
  if (!units) return std::unexpected(units.error());
  auto replicas = connection_.exec(kOpenReplicas, {job});
  if (!replicas) return std::unexpected(replicas.error());
  std::vector<StoredUnit> out;
  std::map<UnitId, std::size_t> index;
  for (int i = 0; i < units->size(); ++i) {
    StoredUnit stored;
    stored.unit.id = units->integer(i, 0);
    stored.unit.job = job;
    stored.unit.frame = static_cast<std::int32_t>(units->integer(i, 1));
    stored.unit.wanted = static_cast<std::uint32_t>(units->integer(i, 2));
    stored.unit.expiries = static_cast<std::uint32_t>(units->integer(i, 3));
    index[stored.unit.id] = out.size();
    out.push_back(std::move(stored));
  }
  for (int i = 0; i < replicas->size(); ++i) {
    const auto found = index.find(replicas->integer(i, 0));
    if (found == index.end()) continue;
    StoredUnit& stored = out[found->second];
    const std::string_view state = replicas->text(i, 5);
    const std::string owner = replicas->str(i, 3);
    const bool has_opinion = replicas->boolean(i, 6);
    const std::string lease_id = replicas->str(i, 1);
    if (state == "void") {
      stored.unit.voids.insert(lease_id);
      stored.unit.void_owners.insert(owner);
    }
    if (has_opinion) {
      stored.unit.opinions.insert(lease_id);
      stored.unit.owners.insert(owner);
    }
    if (state != "leased" || has_opinion) continue;
    Lease lease;
    lease.id = lease_id;
    lease.unit = stored.unit.id;
    lease.agent = replicas->str(i, 2);
    lease.owner = owner;
    lease.slot = static_cast<std::uint32_t>(replicas->integer(i, 4));
    lease.expires_at = from_unix_ms(static_cast<std::uint64_t>(replicas->integer(i, 7)));
    stored.leases.push_back(std::move(lease));
  }
  return out;
}

Result<std::optional<std::string>> Ledger::owner_of(const std::string& agent) {
  auto rows = connection_.exec(
      "select a.owner from agents a join credentials c on c.agent = a.id where a.id = $1 and "
      "c.revoked_at is null",
      {agent});
  if (!rows) return std::unexpected(rows.error());
  if (rows->empty()) return std::nullopt;
  return rows->str(0, 0);
}

Result<> Ledger::saw_agent(const std::string& agent, const std::string& render_class) {
  auto rows =
      connection_.exec("update agents set last_seen_at = now(), render_class = $2 where id = $1",
                       {agent, messages::clean_text(render_class, 100)});
  if (!rows) return std::unexpected(rows.error());
  return {};
}

Result<std::vector<Unit>> Ledger::make_units(const Job& job, const WantedUnits& wanted) {
  std::vector<std::int64_t> frames;
  for (std::uint32_t i = 0; i < wanted.count; ++i) {
    frames.push_back(messages::frame_number(job.manifest, wanted.first_index + i));
  }
  auto transaction = pg::Transaction::begin(connection_);
  if (!transaction) return std::unexpected(transaction.error());
  const int replicas = job.manifest.policy->replicas;
  auto rows = transaction->exec(kMakeUnits, {job.id, pg::array(frames), replicas});
  if (!rows) return std::unexpected(rows.error());
  auto counted = transaction->exec(kCountMade,
                                   {job.id, wanted.first_index + wanted.count, wanted.first_index});
  if (!counted) return std::unexpected(counted.error());
  if (counted->affected() != 1) return fail(Errc::kConflict, "job " + job.id + " moved on");
  if (auto ok = transaction->commit(); !ok) return std::unexpected(ok.error());
  std::vector<Unit> units;
  for (int i = 0; i < rows->size(); ++i) {
    Unit unit;
    unit.id = rows->integer(i, 0);
    unit.job = job.id;
    unit.frame = static_cast<std::int32_t>(rows->integer(i, 1));
    unit.wanted = static_cast<std::uint32_t>(replicas);
    units.push_back(std::move(unit));
  }
  return units;
}

Result<> Ledger::grant(const std::vector<Lease>& leases) {
  std::vector<std::string> ids;
  std::vector<std::int64_t> units;
  std::vector<std::string> agents;
  std::vector<std::string> owners;
  std::vector<std::int64_t> slots;
  std::vector<std::int64_t> expiries;
  for (const auto& lease : leases) {
    ids.push_back(lease.id);
    units.push_back(lease.unit);
    agents.push_back(lease.agent);
    owners.push_back(lease.owner);
    slots.push_back(lease.slot);
    expiries.push_back(static_cast<std::int64_t>(unix_ms(lease.expires_at)));
  }
  auto rows = connection_.exec(kGrant, {pg::array(ids), pg::array(units), pg::array(agents),
                                        pg::array(owners), pg::array(slots), pg::array(expiries)});
  if (!rows) return std::unexpected(rows.error());
  return {};
}

Result<> Ledger::extend(const std::vector<Lease>& leases) {
  std::vector<std::string> ids;
  std::vector<std::int64_t> expiries;
  for (const auto& lease : leases) {
    ids.push_back(lease.id);
    expiries.push_back(static_cast<std::int64_t>(unix_ms(lease.expires_at)));
  }
  auto rows = connection_.exec(kExtend, {pg::array(ids), pg::array(expiries)});
  if (!rows) return std::unexpected(rows.error());
  return {};
}

Result<> Ledger::expire(const std::vector<std::string>& leases) {
  auto rows = connection_.exec(kExpire, {pg::array(leases)});
  if (!rows) return std::unexpected(rows.error());
  return {};
}

Result<VerdictEffect> Ledger::close(pg::Transaction& transaction,
                                    UnitId unit,
                                    bool accepted,
                                    const std::string& reason) {
  VerdictEffect effect;
  auto closed = transaction.exec(kClose, {unit, accepted ? "accepted" : "failed", reason});
  if (!closed) return std::unexpected(closed.error());
  if (closed->empty()) return effect;
  effect.unit_closed = true;
  if (auto rows = transaction.exec(kEndLeases, {unit}); !rows) return std::unexpected(rows.error());
  const std::string job = closed->str(0, 0);
  auto counted = transaction.exec(kCount, {job, accepted ? 1 : 0, accepted ? 0 : 1});
  if (!counted) return std::unexpected(counted.error());
  if (!counted->empty() && counted->boolean(0, 0)) {
    const std::string state = counted->boolean(0, 1) ? "completed" : "failed";
    auto finished = transaction.exec(kFinish, {job, state});
    if (!finished) return std::unexpected(finished.error());
    effect.job_state = state;
  }
  return effect;
}

Result<VerdictEffect> Ledger::record_verdict(const wire::VerdictT& verdict) {
  auto transaction = pg::Transaction::begin(connection_);
  if (!transaction) return std::unexpected(transaction.error());
  const auto unit = static_cast<UnitId>(verdict.unit);
  auto owner = transaction->exec("select owner from replicas where lease = $1", {verdict.lease});
  if (!owner) return std::unexpected(owner.error());
  if (owner->empty()) return fail(Errc::kNotFound, "verdict on an unknown lease " + verdict.lease);
  if (verdict.counts) {
    if (auto rows = transaction->exec(kSupersede, {verdict.lease}); !rows)
      return std::unexpected(rows.error());
  }
  auto rows = transaction->exec(kReported, {verdict.lease, verdict.counts ? "reported" : "void"});
  if (!rows) return std::unexpected(rows.error());
  VerdictEffect effect;
  using wire::Decision;
  if (verdict.decision == Decision::accepted || verdict.decision == Decision::failed) {
    auto closed = close(*transaction, unit, verdict.decision == Decision::accepted, verdict.reason);
    if (!closed) return std::unexpected(closed.error());
    effect = std::move(*closed);
  } else if (verdict.decision == Decision::more_replicas && verdict.counts) {
    auto wanted = transaction->exec(
        "update units set replicas_wanted = greatest(replicas_wanted, $2) where id = $1 and state "
        "= 'open'",
        {unit, verdict.opinions + verdict.replicas_needed});
    if (!wanted) return std::unexpected(wanted.error());
  }
  effect.owner = owner->str(0, 0);
  if (auto ok = transaction->commit(); !ok) return std::unexpected(ok.error());
  return effect;
}

Result<VerdictEffect> Ledger::fail_unit(const UnitFailure& failure) {
  auto transaction = pg::Transaction::begin(connection_);
  if (!transaction) return std::unexpected(transaction.error());
  auto effect = close(*transaction, failure.unit, false, failure.reason);
  if (!effect) return effect;
  if (auto ok = transaction->commit(); !ok) return std::unexpected(ok.error());
  return effect;
}

}  // namespace worldshare::dispatcher
