#include "dispatcher/gateway/status.h"

#include "dispatcher/gateway/row_reader.h"
#include "shared/messages/manifest.h"

namespace worldshare::dispatcher {
namespace {

constexpr const char* kJob = R"(
  select j.title, case when j.paused and j.state in ('queued', 'active') then 'paused' else j.state end, j.frames_total, j.frames_accepted, j.frames_failed, j.replicas,
         coalesce(extract(epoch from coalesce(j.finished_at, now()) - coalesce(j.started_at, j.created_at)), 0),
         (select count(*) from units u join replicas p on p.unit = u.id
           where u.job = $1 and u.state = 'open' and p.state = 'leased' and p.audit is null),
         case when j.frames_failed > 0 then
           (select u.reason from units u where u.job = j.id and u.state = 'failed' order by u.frame limit 1) end,
         (extract(epoch from j.created_at) * 1000)::bigint, (extract(epoch from j.finished_at) * 1000)::bigint,
         (extract(epoch from j.deadline) * 1000)::bigint, j.priority, j.manifest::text
    from jobs j where j.id = $1 and ($2 = '' or j.tenant = $2))";

constexpr const char* kFrame = R"(
  select case when o.unit is not null then 'accepted'
              when bool_or(u.state = 'failed') or (a.state = 'failed' and not bool_or(u.state = 'open')) then 'failed'
              when bool_or(u.state = 'cancelled') then 'cancelled'
              when bool_or(exists (select 1 from replicas p where p.unit = u.id and p.state in ('leased', 'reported')))
              then 'in_work' else 'queued' end,
         coalesce(o.artifact, ''), coalesce(o.size_bytes, 0),
         case when max(u.parts) = 1 then coalesce(max(v.reason), max(u.reason), '')
              else coalesce(max(u.reason) filter (where u.state = 'failed'), nullif(a.error, ''),
                            format('%s of %s parts are verified', count(*) filter (where u.state = 'accepted'), max(u.parts)))
         end, bool_and(v.unit is not null)
    from units u left join outputs o on o.job = u.job and o.frame = $2
    left join assemblies a on a.job = u.job and a.frame = u.frame
    left join verdicts v on v.unit = u.id and v.decision in ('accepted', 'failed')
   where )" WS_UNITS_OF_FRAME R"(
   group by o.unit, o.artifact, o.size_bytes, a.state, a.error)";

constexpr const char* kReplicas =
    R"(
  select p.lease, p.owner, p.agent, coalesce(nullif(r.judged, 'pending'), p.state), coalesce(r.render_seconds, 0),
         coalesce(r.artifact, ''), coalesce(r.error, ''), coalesce(r.log_tail, ''),
         (extract(epoch from p.leased_at) * 1000)::bigint, (extract(epoch from r.received_at) * 1000)::bigint,
         coalesce(r.size_bytes, 0), r.outcome = 'rendered' and r.judged in ('agreed', 'rejected') and u.frames = 1,
         u.frames > 1 and r.artifact = (
           select v.artifact from verdicts v where v.unit = u.id and v.decision in ('accepted', 'overturned')
            order by v.decided_at desc limit 1)
    from units u join replicas p on p.unit = u.id left join results r on r.lease = p.lease left join audits a on a.id = p.audit
   where )" WS_UNITS_OF_FRAME
    R"( and (p.audit is null or a.tiles = 0) order by p.leased_at, p.lease)";

constexpr const char* kComparisons = R"(
  select a.owner, b.owner, c.method, coalesce(c.psnr_db, 1e9), coalesce(c.ssim, 1), c.agree, c.lpips, c.worst_block_psnr_db
    from units u join comparisons c on c.unit = u.id
    join results a on a.lease = c.lease_a join results b on b.lease = c.lease_b
   where )" WS_UNITS_OF_FRAME R"( order by c.compared_at, a.owner, b.owner)";

constexpr const char* kReadable = R"(
  select exists (select 1 from uploads where sha256 = $2 and ($1 = '' or tenant = $1))
      or exists (select 1 from jobs where scene = $2 and ($1 = '' or tenant = $1))
      or exists (select 1 from outputs o join jobs j on j.id = o.job
                  where hashtextextended(o.artifact, 0) = hashtextextended($2, 0) and o.artifact = $2 and ($1 = '' or j.tenant = $1)))";

std::string no_job(const std::string& job) {
  return "there is no job " + messages::clean_text(job, 64);
}

/// What the manifest says of the job.
Result<> describe(const std::string& json, wire::JobStatusT& status) {
  const auto manifest = messages::parse_manifest(json);
  if (!manifest) return std::unexpected(manifest.error());
  status.first = *manifest->frames->first;
  status.last = *manifest->frames->last;
  status.step = manifest->frames->step;
  status.width = manifest->output->width;
  status.height = manifest->output->height;
  status.format = wire::EnumNameImageFormat(manifest->output->format);
  status.engine = wire::EnumNameEngine(manifest->requirements->engine);
  status.scene = manifest->scene->name;
  status.scene_sha256 = manifest->scene->sha256;
  return {};
}

Result<> add_replicas(pg::Connection& pg,
                      bool final,
                      const UrlFor& url_for,
                      wire::FrameStatusT& status) {
  auto replicas = pg.exec(kReplicas, {status.job, status.frame});
  if (!replicas) return std::unexpected(replicas.error());
  for (int i = 0; i < replicas->size(); ++i) {
    RowReader row(*replicas, i);
    auto replica = std::make_unique<wire::ReplicaStatusT>();
    replica->lease = row.text();
    replica->owner = row.text();
    replica->agent = row.text();
    replica->state = row.text();
    replica->render_seconds = row.real();
    replica->artifact = row.text();
    replica->error = row.text();
    replica->log_tail = row.text();
    replica->leased_ms = row.number();
    replica->reported_ms = row.number();
    const auto size = row.number();
    const bool judged = row.boolean();
    if (final && judged && !replica->artifact.empty())
      replica->url = url_for(replica->artifact, size);
    // Of several frames it is the bundle that was chosen.
    const bool of_bundle = row.boolean();
    replica->chosen =
        of_bundle || (!status.artifact.empty() && replica->artifact == status.artifact);
    status.replicas.push_back(std::move(replica));
  }
  return {};
}

Result<> add_comparisons(pg::Connection& pg, wire::FrameStatusT& status) {
  auto comparisons = pg.exec(kComparisons, {status.job, status.frame});
  if (!comparisons) return std::unexpected(comparisons.error());
  for (int i = 0; i < comparisons->size(); ++i) {
    auto comparison = std::make_unique<wire::ComparisonStatusT>();
    RowReader row(*comparisons, i);
    read_comparison(row, *comparison);
    status.comparisons.push_back(std::move(comparison));
  }
  return {};
}

/// The manifest of a job of the tenant's; kNotFound.
Result<wire::ManifestT> manifest_of(pg::Connection& pg,
                                    const std::string& tenant,
                                    const std::string& job) {
  auto rows = pg.exec("select manifest::text from jobs where id = $1 and ($2 = '' or tenant = $2)",
                      {job, tenant});
  if (!rows) return std::unexpected(rows.error());
  if (rows->empty()) return fail(Errc::kNotFound, no_job(job));
  return messages::parse_manifest(rows->text(0, 0));
}

}  // namespace

void read_comparison(RowReader& row, wire::ComparisonStatusT& line) {
  line.a = row.text();
  line.b = row.text();
  line.method = row.text();
  line.psnr_db = row.real();
  line.ssim = row.real();
  line.agree = row.boolean();
  if (const auto lpips = row.optional_real()) line.lpips = *lpips;
  if (const auto worst = row.optional_real()) line.worst_block_psnr_db = *worst;
}

Result<> check_job(pg::Connection& pg, const std::string& tenant, const std::string& job) {
  auto known =
      pg.exec("select 1 from jobs where id = $1 and ($2 = '' or tenant = $2)", {job, tenant});
  if (!known) return std::unexpected(known.error());
  if (known->empty()) return fail(Errc::kNotFound, no_job(job));
  return {};
}

Result<wire::JobStatusT> job_status(pg::Connection& pg,
                                    Recent<JobShares>& recent,
                                    const std::string& tenant,
                                    const std::string& job) {
  auto rows = pg.exec(kJob, {job, tenant});
  if (!rows) return std::unexpected(rows.error());
  if (rows->empty()) return fail(Errc::kNotFound, no_job(job));
  RowReader row(*rows, 0);
  wire::JobStatusT status;
  status.id = job;
  status.title = row.text();
  status.state = row.text();
  status.frames = row.count();
  status.frames_accepted = row.count();
  status.frames_failed = row.count();
  status.replicas_wanted = status.frames * row.count();
  status.elapsed_seconds = row.real();
  status.replicas_in_work = row.count();
  status.error = row.text();
  status.submitted_ms = row.number();
  status.finished_ms = row.number();
  status.deadline_ms = row.number();
  status.priority = static_cast<std::uint8_t>(row.number());
  if (auto ok = describe(row.text(), status); !ok) return std::unexpected(ok.error());
  const auto shares = job_shares(pg, recent, job, status.state);
  if (!shares) return std::unexpected(shares.error());
  status.replicas_reported = shares->reported;
  status.consensus_rate = shares->consensus_rate;
  for (const auto& share : shares->owners)
    status.owners.push_back(std::make_unique<wire::OwnerShareT>(share));
  return status;
}

Result<wire::FrameStatusT> frame_status(pg::Connection& pg,
                                        const std::string& tenant,
                                        const std::string& job,
                                        std::int32_t frame,
                                        const UrlFor& url_for) {
  const auto manifest = manifest_of(pg, tenant, job);
  if (!manifest) return std::unexpected(manifest.error());
  const auto& range = *manifest->frames;
  if (frame < *range.first || frame > *range.last || (frame - *range.first) % range.step != 0) {
    return fail(Errc::kNotFound, "frame " + std::to_string(frame) + " is not part of this job");
  }
  wire::FrameStatusT status;
  status.job = job;
  status.frame = frame;
  status.state = "waiting";
  status.format = wire::EnumNameImageFormat(manifest->output->format);
  auto units = pg.exec(kFrame, {job, frame});
  if (!units) return std::unexpected(units.error());
  if (units->empty()) return status;
  RowReader row(*units, 0);
  status.state = row.text();
  status.artifact = row.text();
  status.size_bytes = row.number();
  status.reason = row.text();
  const bool final = row.boolean();
  if (status.state == "accepted") status.url = url_for(status.artifact, status.size_bytes);
  if (auto ok = add_replicas(pg, final, url_for, status); !ok) return std::unexpected(ok.error());
  if (auto ok = add_comparisons(pg, status); !ok) return std::unexpected(ok.error());
  return status;
}

Result<bool> is_readable(pg::Connection& pg, const std::string& tenant, const std::string& sha256) {
  auto rows = pg.exec(kReadable, {tenant, sha256});
  if (!rows) return std::unexpected(rows.error());
  return rows->boolean(0, 0);
}

}  // namespace worldshare::dispatcher
