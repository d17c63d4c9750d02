#include "dispatcher/economy/wish_rows.h"

#include <map>

#include "dispatcher/economy/audit_rows.h"
#include "dispatcher/economy/job_rows.h"
#include "shared/messages/manifest.h"

namespace worldshare::dispatcher {
namespace {

// Lateral, so that it begins with the few that are open: a plan that is kept may otherwise read all
// units of all jobs.
constexpr const char* kReissued = R"(
  with open as materialized (select id, unit, wanted from reissues where state = 'open')
  select u.id, u.job, u.frame, i.wanted, u.shard
    from open i, lateral (
      select id, job, frame, shard from units
       where id = i.unit and state = 'accepted' and (shard = '' or frames > 1) and not split limit 1) u
    join jobs j on j.id = u.job
   where j.state in ('completed', 'failed') or j.state in ('queued', 'active') and not j.paused
   order by i.id limit 1000)";

constexpr const char* kTheirReplicas = R"(
  select p.unit, p.lease, p.agent, p.owner, p.slot, p.state, r.outcome is not null and r.outcome <> 'void',
         (extract(epoch from p.expires_at) * 1000)::bigint, (extract(epoch from p.leased_at) * 1000)::bigint, p.half,
         )" WS_AUDIT_COLUMNS R"(
    from replicas p left join results r on r.lease = p.lease
    left join audits a on a.id = p.audit left join results t on t.lease = a.target
   where p.unit = any($1) and p.state <> 'expired')";

constexpr const char* kEndedJobs = R"(
  select id, manifest::text, tenant, priority, (extract(epoch from created_at) * 1000)::bigint, frames_ordered
    from jobs where id = any($1) and state in ('completed', 'failed'))";

// Asked every few seconds, and nearly always nobody is excluded: then no lease is looked at.
constexpr const char* kAnythingToDo = R"(
  with excluded as materialized (select owner from trust where state <> 'active')
  select exists (select from excluded)
         and (exists (select from excluded t join agents a on a.owner = t.owner where a.standing <> 'disabled')
              or exists (select from excluded t join replicas p on p.owner = t.owner where p.state = 'leased'))
      or exists (select from agents a join trust t on t.owner = a.owner
                  where t.state = 'active' and a.standing = 'disabled'
                    and a.standing_reason like 'its owner is excluded: %'))";

// A row's time is taken before its transaction commits: look back a little.
constexpr const char* kRecords = R"(
  select owner, malice, (extract(epoch from updated_at) * 1000000)::bigint, trusted and state = 'active'
    from trust where updated_at > to_timestamp($1 / 1000000.0) - interval '10 seconds')";

constexpr const char* kEndTheirLeases = R"(
  update replicas p set state = 'expired', ended_at = now() from trust t
   where t.owner = p.owner and t.state <> 'active' and p.state = 'leased' returning p.lease)";

constexpr const char* kDisable = R"(
  update agents a set standing = 'disabled', standing_reason = 'its owner is excluded: ' || t.reason,
         changed_at = clock_timestamp()
    from trust t where t.owner = a.owner and t.state <> 'active' and a.standing <> 'disabled' returning a.id)";

constexpr const char* kEnable = R"(
  update agents a set standing = 'enabled', standing_reason = '', changed_at = clock_timestamp()
    from trust t where t.owner = a.owner and t.state = 'active' and a.standing = 'disabled'
     and a.standing_reason like 'its owner is excluded: %' returning a.id)";

Result<> append(pg::Transaction& transaction, const char* sql, std::vector<std::string>& out) {
  const auto rows = transaction.exec(sql);
  if (!rows) return std::unexpected(rows.error());
  for (int row = 0; row < rows->size(); ++row) out.push_back(rows->str(row, 0));
  return {};
}

}  // namespace

Result<std::vector<StoredUnit>> reissued_units(pg::Connection& pg) {
  const auto rows = pg.exec(kReissued);
  if (!rows) return std::unexpected(rows.error());
  std::vector<StoredUnit> out;
  for (int row = 0; row < rows->size(); ++row) {
    StoredUnit unit;
    unit.id = rows->integer(row, 0);
    unit.job = rows->str(row, 1);
    auto shard = read_shard(*rows, row, 2, 4);
    if (!shard) return std::unexpected(shard.error());
    unit.shard = std::move(*shard);
    unit.wanted = static_cast<std::uint32_t>(rows->integer(row, 3));
    unit.reissued = true;
    out.push_back(std::move(unit));
  }
  return out;
}

Result<> add_replicas(pg::Connection& pg, std::vector<StoredUnit>& units) {
  if (units.empty()) return {};
  std::vector<std::int64_t> ids;
  std::map<std::int64_t, std::size_t> places;
  for (const auto& unit : units) {
    places[unit.id] = ids.size();
    ids.push_back(unit.id);
  }
  const auto replicas = pg.exec(kTheirReplicas, {pg::array(ids)});
  if (!replicas) return std::unexpected(replicas.error());
  for (int row = 0; row < replicas->size(); ++row) {
    add_replica(units[places.at(replicas->integer(row, 0))], *replicas, row);
  }
  return {};
}

Result<std::vector<Job>> ended_jobs(pg::Connection& pg, const std::vector<std::string>& ids) {
  std::vector<Job> out;
  if (ids.empty()) return out;
  const auto rows = pg.exec(kEndedJobs, {pg::array(ids)});
  if (!rows) return std::unexpected(rows.error());
  for (int row = 0; row < rows->size(); ++row) {
    auto manifest = messages::parse_manifest(rows->text(row, 1));
    if (!manifest) {
      return fail(Errc::kInternal,
                  "stored manifest of job " + rows->str(row, 0) + ": " + manifest.error().message);
    }
    Job job;
    job.id = rows->str(row, 0);
    job.manifest = std::move(*manifest);
    job.tenant = rows->str(row, 2);
    job.priority = static_cast<std::uint32_t>(rows->integer(row, 3));
    job.queued_at = from_unix_ms(static_cast<std::uint64_t>(rows->integer(row, 4)));
    job.ordered = static_cast<std::uint32_t>(rows->integer(row, 5));
    job.position = messages::frame_count(job.manifest);
    out.push_back(std::move(job));
  }
  return out;
}

Result<std::vector<OwnerRecord>> changed_records(pg::Connection& pg, std::int64_t version) {
  const auto rows = pg.exec(kRecords, {version});
  if (!rows) return std::unexpected(rows.error());
  std::vector<OwnerRecord> out;
  for (int row = 0; row < rows->size(); ++row) {
    auto& record = out.emplace_back();
    record.owner = rows->str(row, 0);
    if (!rows->is_null(row, 1)) record.malice = rows->real(row, 1);
    record.version = rows->integer(row, 2);
    record.trusted = rows->boolean(row, 3);
  }
  return out;
}

Result<Exclusions> apply_exclusions(Leadership& leadership, pg::Connection& pg) {
  Exclusions out;
  const auto work = pg.exec(kAnythingToDo);
  if (!work) return std::unexpected(work.error());
  if (!work->boolean(0, 0)) return out;
  auto transaction = leadership.begin();
  if (!transaction) return std::unexpected(transaction.error());
  auto done = append(*transaction, kEndTheirLeases, out.leases);
  if (done) done = append(*transaction, kDisable, out.agents);
  if (done) done = append(*transaction, kEnable, out.agents);
  if (done) done = transaction->commit();
  if (!done) return std::unexpected(done.error());
  return out;
}

}  // namespace worldshare::dispatcher
