#include "dispatcher/gateway/status.h"

#include <algorithm>

#include "shared/messages/manifest.h"

namespace worldshare::dispatcher {
namespace {

constexpr const char* kJob = R"(
  select j.title, case when j.paused and j.state in ('queued', 'active') then 'paused' else j.state end, j.frames_total, j.frames_accepted, j.frames_failed, j.replicas,
         coalesce(extract(epoch from coalesce(j.finished_at, now()) - coalesce(j.started_at, j.created_at)), 0),
         (select count(*) from results r join units u on u.id = r.unit where u.job = j.id),
         (select u.reason from units u where u.job = j.id and u.state = 'failed' order by u.frame limit 1)
    from jobs j where j.id = $1 and j.tenant = $2)";

constexpr const char* kOwners = R"(
  select p.owner, count(*) filter (where p.state = 'leased'), count(*) filter (where r.judged = 'agreed'),
         count(*) filter (where r.judged in ('rejected', 'void')), count(*) filter (where r.judged = 'failed'),
         coalesce(sum(c.amount), 0)
    from replicas p join units u on u.id = p.unit
    left join results r on r.lease = p.lease left join credit c on c.lease = p.lease
   where u.job = $1 group by p.owner order by p.owner)";

constexpr const char* kFrame = R"(
  select case when o.unit is not null then 'accepted'
              when bool_or(u.state = 'failed') or (a.state = 'failed' and not bool_or(u.state = 'open')) then 'failed'
              when bool_or(u.state = 'cancelled') then 'cancelled' else 'queued' end,
         coalesce(o.artifact, ''), coalesce(o.size_bytes, 0),
         case when max(u.parts) = 1 then coalesce(max(v.reason), max(u.reason), '')
              else coalesce(max(u.reason) filter (where u.state = 'failed'), nullif(a.error, ''),
                            format('%s of %s parts are verified', count(*) filter (where u.state = 'accepted'), max(u.parts)))
         end
    from units u left join outputs o on o.job = u.job and o.frame = u.frame
    left join assemblies a on a.job = u.job and a.frame = u.frame
    left join verdicts v on v.unit = u.id and v.decision in ('accepted', 'failed')
   where u.job = $1 and u.frame = $2 and u.state <> 'replaced'
   group by o.unit, o.artifact, o.size_bytes, a.state, a.error)";

constexpr const char* kReplicas = R"(
  select p.lease, p.owner, p.agent, coalesce(nullif(r.judged, 'pending'), p.state), coalesce(r.render_seconds, 0),
         coalesce(r.artifact, ''), coalesce(r.error, ''), coalesce(r.log_tail, '')
    from units u join replicas p on p.unit = u.id left join results r on r.lease = p.lease
   where u.job = $1 and u.frame = $2 and u.state <> 'replaced' order by p.leased_at, p.lease)";

constexpr const char* kComparisons = R"(
  select a.owner, b.owner, c.method, coalesce(c.psnr_db, 1e9), coalesce(c.ssim, 1), c.agree, c.lpips
    from units u join comparisons c on c.unit = u.id
    join results a on a.lease = c.lease_a join results b on b.lease = c.lease_b
   where u.job = $1 and u.frame = $2 and u.state <> 'replaced' order by c.compared_at, a.owner, b.owner)";

std::uint32_t count(const pg::Rows& rows, int row, int column) {
  return static_cast<std::uint32_t>(rows.integer(row, column));
}

}  // namespace

Result<wire::JobStatusT> job_status(pg::Connection& pg,
                                    const std::string& tenant,
                                    const std::string& job) {
  auto rows = pg.exec(kJob, {job, tenant});
  if (!rows) return std::unexpected(rows.error());
  if (rows->empty())
    return fail(Errc::kNotFound, "there is no job " + messages::clean_text(job, 64));
  wire::JobStatusT status;
  status.id = job;
  status.title = rows->str(0, 0);
  status.state = rows->str(0, 1);
  status.frames = count(*rows, 0, 2);
  status.frames_accepted = count(*rows, 0, 3);
  status.frames_failed = count(*rows, 0, 4);
  status.replicas_wanted = status.frames * count(*rows, 0, 5);
  status.elapsed_seconds = rows->real(0, 6);
  status.replicas_reported = count(*rows, 0, 7);
  status.error = rows->str(0, 8);
  auto owners = pg.exec(kOwners, {job});
  if (!owners) return std::unexpected(owners.error());
  double agreed = 0;
  double judged = 0;
  for (int i = 0; i < owners->size(); ++i) {
    auto share = std::make_unique<wire::OwnerShareT>();
    share->owner = owners->str(i, 0);
    share->leased = count(*owners, i, 1);
    share->agreed = count(*owners, i, 2);
    share->rejected = count(*owners, i, 3);
    share->failed = count(*owners, i, 4);
    share->credit = owners->real(i, 5);
    status.replicas_in_work += share->leased;
    agreed += share->agreed;
    judged += share->agreed + share->rejected + share->failed;
    status.owners.push_back(std::move(share));
  }
  status.consensus_rate = judged > 0 ? agreed / judged : 0;
  return status;
}

Result<wire::FrameStatusT> frame_status(pg::Connection& pg,
                                        const std::string& tenant,
                                        const std::string& job,
                                        std::int32_t frame) {
  auto jobs =
      pg.exec("select manifest::text from jobs where id = $1 and tenant = $2", {job, tenant});
  if (!jobs) return std::unexpected(jobs.error());
  if (jobs->empty())
    return fail(Errc::kNotFound, "there is no job " + messages::clean_text(job, 64));
  const auto manifest = messages::parse_manifest(jobs->text(0, 0));
  if (!manifest) return std::unexpected(manifest.error());
  const auto& range = *manifest->frames;
  if (frame < *range.first || frame > *range.last || (frame - *range.first) % range.step != 0) {
    return fail(Errc::kNotFound, "frame " + std::to_string(frame) + " is not part of this job");
  }
  wire::FrameStatusT status;
  status.job = job;
  status.frame = frame;
  status.state = "waiting";
  auto units = pg.exec(kFrame, {job, frame});
  if (!units) return std::unexpected(units.error());
  if (units->empty()) return status;
  status.state = units->str(0, 0);
  status.artifact = units->str(0, 1);
  status.size_bytes = static_cast<std::uint64_t>(units->integer(0, 2));
  status.reason = units->str(0, 3);
  auto replicas = pg.exec(kReplicas, {job, frame});
  if (!replicas) return std::unexpected(replicas.error());
  for (int i = 0; i < replicas->size(); ++i) {
    auto replica = std::make_unique<wire::ReplicaStatusT>();
    replica->lease = replicas->str(i, 0);
    replica->owner = replicas->str(i, 1);
    replica->agent = replicas->str(i, 2);
    replica->state = replicas->str(i, 3);
    replica->render_seconds = replicas->real(i, 4);
    replica->artifact = replicas->str(i, 5);
    replica->error = replicas->str(i, 6);
    replica->log_tail = replicas->str(i, 7);
    status.replicas.push_back(std::move(replica));
  }
  auto comparisons = pg.exec(kComparisons, {job, frame});
  if (!comparisons) return std::unexpected(comparisons.error());
  for (int i = 0; i < comparisons->size(); ++i) {
    auto comparison = std::make_unique<wire::ComparisonStatusT>();
    comparison->a = comparisons->str(i, 0);
    comparison->b = comparisons->str(i, 1);
    comparison->method = comparisons->str(i, 2);
    comparison->psnr_db = comparisons->real(i, 3);
    comparison->ssim = comparisons->real(i, 4);
    comparison->agree = comparisons->boolean(i, 5);
    if (!comparisons->is_null(i, 6)) comparison->lpips = comparisons->real(i, 6);
    status.comparisons.push_back(std::move(comparison));
  }
  return status;
}

Result<bool> is_readable(pg::Connection& pg, const std::string& tenant, const std::string& sha256) {
  auto rows = pg.exec(
      "select exists (select 1 from jobs where tenant = $1 and scene = $2)"
      " or exists (select 1 from outputs o join jobs j on j.id = o.job where j.tenant = $1 and "
      "o.artifact = $2)",
      {tenant, sha256});
  if (!rows) return std::unexpected(rows.error());
  return rows->boolean(0, 0);
}

}  // namespace worldshare::dispatcher
