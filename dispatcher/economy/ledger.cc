#include "dispatcher/economy/ledger.h"

#include <algorithm>

// Units, leases and their ends. Verdicts: verdict_rows.cc.

namespace worldshare::dispatcher {
namespace {

// The name is looked up once, not for each.
constexpr const char* kReserve = R"(
  with ids as materialized (select pg_get_serial_sequence('units', 'id')::regclass as sequence)
  select nextval(sequence) from ids, generate_series(1, $1))";

// Whoever changes a job locks its row first, so that its state stays what it is until we commit.
constexpr const char* kActiveJobs = R"(
  select id from jobs
   where id = any($1) and (state in ('queued', 'active') and not paused
                           or state in ('completed', 'failed') and exists (
                                select from reissues i join units u on u.id = i.unit
                                 where u.job = jobs.id and i.state = 'open'))
   order by id for no key update)";

constexpr const char* kMakeUnits = R"(
  insert into units (id, job, frame, replicas_wanted, shard, parts, split, frames, frame_step) overriding system value
  select * from unnest($1::bigint[], $2::text[], $3::integer[], $4::smallint[], $5::text[], $6::integer[], $7::bool[],
                       $8::integer[], $9::integer[]))";

constexpr const char* kDivideFrames = R"(
  insert into divided_frames (job, frame, parts)
  select distinct * from unnest($1::text[], $2::integer[], $3::integer[]) x(job, frame, parts) where parts > 1)";

constexpr const char* kProgress = R"(
  update jobs j set position = greatest(j.position, x.position), frames_made = j.frames_made + x.made,
         state = 'active', started_at = coalesce(j.started_at, now()), early_frames = x.early::integer[],
         first_frames = array(select f from unnest(j.first_frames) with ordinality w(f, n)
                               where not f = any(x.frames::integer[]) order by n)
    from unnest($1::text[], $2::integer[], $3::integer[], $4::text[], $5::text[]) x(id, position, made, early, frames)
   where j.id = x.id)";

constexpr const char* kGrant = R"(
  insert into replicas (lease, unit, agent, owner, slot, expires_at, audit, instead_of_audits, trusted, half)
  select l, u, a, o, s, to_timestamp(t / 1000.0), nullif(au, 0), un, tr, nullif(h, -1)
    from unnest($1::text[], $2::bigint[], $3::text[], $4::text[], $5::integer[], $6::bigint[], $7::bigint[],
                $8::bool[], $9::bool[], $10::smallint[]) x(l, u, a, o, s, t, au, un, tr, h))";

constexpr const char* kExtendLeases = R"(
  update replicas p set expires_at = to_timestamp(x.t / 1000.0)
    from unnest($1::text[], $2::bigint[]) x(lease, t) where p.lease = x.lease and p.state = 'leased')";

constexpr const char* kExpire = R"(
  with ended as (update replicas set state = 'expired', ended_at = now()
                  where lease = any($1) and state = 'leased' returning unit, trusted)
  update units u set expiries = u.expiries + e.count
    from (select unit, count(*) from ended where not trusted group by unit) e where u.id = e.unit)";

// Whoever changes a job locks its row before those of its units.
constexpr const char* kLockTheirJobs = R"(
  select 1 from jobs where id in (select u.job from replicas p join units u on u.id = p.unit where p.lease = any($1))
   order by id for no key update)";

// Speaks against nobody.
constexpr const char* kEnd =
    "update replicas set state = 'expired', ended_at = now() where lease = any($1) and state = "
    "'leased'";

std::string literal(const std::vector<std::int32_t>& numbers) {
  std::string out = "{";
  for (const auto number : numbers) out += (out.size() > 1 ? "," : "") + std::to_string(number);
  return out + "}";
}

Result<> make_units(pg::Transaction& transaction,
                    const std::vector<Unit>& units,
                    const std::set<std::string>& active) {
  std::vector<std::int64_t> ids;
  std::vector<std::string> jobs;
  std::vector<std::int64_t> frames;
  std::vector<std::int64_t> wanted;
  std::vector<std::string> shards;
  std::vector<std::int64_t> parts;
  std::vector<std::string> split;
  std::vector<std::int64_t> frame_counts;
  std::vector<std::int64_t> steps;
  for (const auto& unit : units) {
    if (!active.contains(unit.job)) continue;
    ids.push_back(unit.id);
    jobs.push_back(unit.job);
    frames.push_back(unit.shard.frame);
    wanted.push_back(unit.wanted);
    shards.push_back(messages::is_whole_frame(unit.shard) ? "" : messages::shard_text(unit.shard));
    parts.push_back(unit.parts);
    split.emplace_back(unit.split ? "t" : "f");
    frame_counts.push_back(unit.shard.frame_count);
    steps.push_back(unit.shard.frame_step);
  }
  if (ids.empty()) return {};
  auto rows =
      transaction.exec(kMakeUnits, {pg::array(ids), pg::array(jobs), pg::array(frames),
                                    pg::array(wanted), pg::array(shards), pg::array(parts),
                                    pg::array(split), pg::array(frame_counts), pg::array(steps)});
  if (rows && std::ranges::max(parts) > 1) {
    rows = transaction.exec(kDivideFrames, {pg::array(jobs), pg::array(frames), pg::array(parts)});
  }
  if (!rows) return std::unexpected(rows.error());
  return {};
}

Result<> note_progress(pg::Transaction& transaction,
                       const std::vector<JobProgress>& progress,
                       const std::set<std::string>& active) {
  std::vector<std::string> jobs;
  std::vector<std::int64_t> positions;
  std::vector<std::int64_t> made;
  std::vector<std::string> early;
  std::vector<std::string> frames;
  for (const auto& job : progress) {
    if (!active.contains(job.job)) continue;
    jobs.push_back(job.job);
    positions.push_back(job.position);
    made.push_back(static_cast<std::int64_t>(job.made.size()));
    early.push_back(literal(job.early));
    frames.push_back(literal(job.made));
  }
  if (jobs.empty()) return {};
  return transaction.run(kProgress, {pg::array(jobs), pg::array(positions), pg::array(made),
                                     pg::array(early), pg::array(frames)});
}

Result<> make_leases(pg::Transaction& transaction,
                     const std::vector<Lease>& leases,
                     const std::set<std::string>& active) {
  std::vector<std::string> ids;
  std::vector<std::int64_t> units;
  std::vector<std::string> agents;
  std::vector<std::string> owners;
  std::vector<std::int64_t> slots;
  std::vector<std::int64_t> expiries;
  std::vector<std::int64_t> audits;
  std::vector<std::string> unaudited;
  std::vector<std::string> trusted;
  std::vector<std::int64_t> halves;
  for (const auto& lease : leases) {
    if (!active.contains(lease.job)) continue;
    ids.push_back(lease.id);
    units.push_back(lease.unit);
    agents.push_back(lease.agent);
    owners.push_back(lease.owner);
    slots.push_back(lease.slot);
    expiries.push_back(static_cast<std::int64_t>(unix_ms(lease.expires_at)));
    audits.push_back(lease.audit ? lease.audit->id : 0);
    unaudited.emplace_back(lease.instead_of_audits ? "t" : "f");
    trusted.emplace_back(lease.trusted() ? "t" : "f");
    halves.push_back(lease.half ? std::int64_t{*lease.half} : -1);
  }
  return transaction.run(
      kGrant, {pg::array(ids), pg::array(units), pg::array(agents), pg::array(owners),
               pg::array(slots), pg::array(expiries), pg::array(audits), pg::array(unaudited),
               pg::array(trusted), pg::array(halves)});
}

}  // namespace

Result<std::vector<UnitId>> Ledger::reserve_units(std::size_t count) {
  auto rows = connection_->exec(kReserve, {count});
  if (!rows) return std::unexpected(rows.error());
  std::vector<UnitId> ids;
  for (int i = 0; i < rows->size(); ++i) ids.push_back(rows->integer(i, 0));
  return ids;
}

Result<std::set<std::string>> Ledger::write(const Grants& grants) {
  std::set<std::string> jobs;
  for (const auto& lease : grants.leases) jobs.insert(lease.job);
  for (const auto& unit : grants.units) jobs.insert(unit.job);
  auto transaction = leadership_.begin();
  if (!transaction) return std::unexpected(transaction.error());
  auto rows = transaction->exec(kActiveJobs,
                                {pg::array(std::vector<std::string>(jobs.begin(), jobs.end()))});
  if (!rows) return std::unexpected(rows.error());
  std::set<std::string> active;
  for (int i = 0; i < rows->size(); ++i) active.insert(rows->str(i, 0));
  auto done = make_units(*transaction, grants.units, active);
  if (done) done = note_progress(*transaction, grants.progress, active);
  if (done) done = make_leases(*transaction, grants.leases, active);
  if (done) done = transaction->commit();
  if (!done) return std::unexpected(done.error());
  std::erase_if(jobs, [&](const auto& job) { return active.contains(job); });
  return jobs;
}

Result<> Ledger::extend(const std::vector<Lease>& leases) {
  std::vector<std::string> ids;
  std::vector<std::int64_t> expiries;
  for (const auto& lease : leases) {
    ids.push_back(lease.id);
    expiries.push_back(static_cast<std::int64_t>(unix_ms(lease.expires_at)));
  }
  auto transaction = leadership_.begin();
  if (!transaction) return std::unexpected(transaction.error());
  auto rows = transaction->exec(kExtendLeases, {pg::array(ids), pg::array(expiries)});
  if (!rows) return std::unexpected(rows.error());
  return transaction->commit();
}

Result<> Ledger::expire(const std::vector<std::string>& leases) {
  auto transaction = leadership_.begin();
  if (!transaction) return std::unexpected(transaction.error());
  auto done = transaction->run(kLockTheirJobs, {pg::array(leases)});
  if (done) done = transaction->run(kExpire, {pg::array(leases)});
  return done ? transaction->commit() : done;
}

Result<> Ledger::take_back(const std::vector<std::string>& leases) {
  auto transaction = leadership_.begin();
  if (!transaction) return std::unexpected(transaction.error());
  auto done = transaction->run(kEnd, {pg::array(leases)});
  return done ? transaction->commit() : done;
}

}  // namespace worldshare::dispatcher
