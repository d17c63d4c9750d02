#include "verifier/trust/lease_record.h"

#include "shared/messages/ticket.h"
#include "shared/sharding/division.h"
#include "verifier/assembly/assemble.h"
#include "verifier/trust/columns.h"

namespace worldshare::verifier {
namespace {

constexpr const char* kLeases = R"(
  select r.lease, r.owner, r.agent, r.state, r.committed_sha256, r.committed_bytes, u.id, u.job, u.frame,
         j.scene, j.replicas, j.max_replicas, u.shard,
         a.id, a.target, a.seed, a.tiles, a.samples, a.trusted, r.instead_of_audits, r.half
    from replicas r join units u on u.id = r.unit join jobs j on j.id = u.job left join audits a on a.id = r.audit
   where r.lease = any($1))";

constexpr const char* kManifests = "select id, manifest::text from jobs where id = any($1)";

/// Jobs whose image is remembered.
constexpr std::size_t kRemembered = 1000;

image::Format to_format(wire::ImageFormat format) {
  switch (format) {
    case wire::ImageFormat::jpeg: return image::Format::kJpeg;
    case wire::ImageFormat::exr: return image::Format::kExr;
    default: return image::Format::kPng;
  }
}

Result<messages::Shard> shard_of(const std::string& job,
                                 std::int32_t frame,
                                 std::string_view text) {
  if (text.empty()) return messages::Shard{frame};
  auto shard = messages::parse_shard(text);
  if (!shard || shard->frame != frame) {
    return fail(Errc::kInternal, "a unit of job " + job + " has an unreadable shard");
  }
  return shard;
}

/// Why frames of this job are not audited, as far as its manifest tells; empty when nothing is
/// known against it.
std::string objection(const wire::ManifestT& manifest) {
  if (manifest.requirements && manifest.requirements->engine != wire::Engine::cycles)
    return "only Cycles repeats a tile";
  if (manifest.output->format == wire::ImageFormat::jpeg) return "JPEG mixes neighbouring pixels";
  if (!manifest.sharding || manifest.sharding->samples == 0)
    return "the manifest does not say how many samples a pixel has";
  std::string out;
  for (const auto& reason : manifest.sharding->whole_frames)
    out += (out.empty() ? "" : ", ") + messages::clean_text(reason, 200);
  return out;
}

ImageLimits limits_of(const messages::Shard& shard, const ImageLimits& frame) {
  ImageLimits out =
      messages::is_part_of_frame(shard) ? part_limits(shard, {frame.width, frame.height}) : frame;
  out.frames = shard.frame_count;
  return out;
}

AuditOrder audit_of(const pg::Rows& rows, int row) {
  AuditOrder out;
  out.id = rows.integer(row, 13);
  out.target = rows.str(row, 14);
  out.seed = static_cast<std::uint64_t>(rows.integer(row, 15));
  out.tiles = static_cast<std::uint32_t>(rows.integer(row, 16));
  out.samples = static_cast<std::uint32_t>(rows.integer(row, 17));
  out.trusted = rows.boolean(row, 18);
  return out;
}

Result<LeaseRecord> to_record(const pg::Rows& rows, int row) {
  LeaseRecord out;
  out.lease = rows.str(row, 0);
  out.owner = rows.str(row, 1);
  out.agent = rows.str(row, 2);
  out.state = rows.str(row, 3);
  out.committed_sha256 = rows.str(row, 4);
  out.committed_bytes = static_cast<std::uint64_t>(rows.integer(row, 5));
  out.unit = rows.integer(row, 6);
  out.job = rows.str(row, 7);
  out.frame = static_cast<std::int32_t>(rows.integer(row, 8));
  out.scene_sha256 = rows.str(row, 9);
  out.policy.replicas = static_cast<unsigned>(rows.integer(row, 10));
  out.policy.max_replicas = static_cast<unsigned>(rows.integer(row, 11));
  const auto shard = shard_of(out.job, out.frame, rows.text(row, 12));
  if (!shard) return std::unexpected(shard.error());
  out.shard = *shard;
  if (!rows.is_null(row, 13)) out.audit = audit_of(rows, row);
  out.instead_of_audits = rows.boolean(row, 19);
  out.half = half(rows, row, 20);
  return out;
}

}  // namespace

Result<std::map<std::string, Result<LeaseRecord>>> LeaseRecords::load(
    const std::vector<std::string>& leases) {
  const auto rows = connection_.exec(kLeases, {pg::array(leases)});
  if (!rows) return std::unexpected(rows.error());
  std::map<std::string, Result<LeaseRecord>> out;
  std::vector<std::string> jobs;
  for (int row = 0; row < rows->size(); ++row) {
    auto record = to_record(*rows, row);
    jobs.push_back(rows->str(row, 7));
    out.emplace(rows->str(row, 0), std::move(record));
  }
  if (auto ok = learn_jobs(jobs); !ok) return std::unexpected(ok.error());
  for (auto& [lease, record] : out) {
    if (!record) continue;
    const Result<JobTerms>& terms = jobs_.at(record->job);
    if (terms) {
      record->frame_size = {terms->image.width, terms->image.height};
      if (record->half)
        record->shard = sharding::half_of(record->shard, *record->half, terms->samples);
      record->image = limits_of(record->shard, terms->image);
      record->samples = terms->samples;
      record->unauditable =
          record->shard.frame_count > 1 ? "a unit holds several frames" : terms->unauditable;
    } else {
      record = std::unexpected(terms.error());
    }
  }
  return out;
}

Result<> LeaseRecords::learn_jobs(const std::vector<std::string>& jobs) {
  if (jobs_.size() > kRemembered) jobs_.clear();
  std::vector<std::string> unknown;
  for (const auto& job : jobs) {
    if (!jobs_.contains(job)) unknown.push_back(job);
  }
  if (unknown.empty()) return {};
  const auto rows = connection_.exec(kManifests, {pg::array(unknown)});
  if (!rows) return std::unexpected(rows.error());
  for (int row = 0; row < rows->size(); ++row) {
    jobs_.insert_or_assign(rows->str(row, 0), terms_of(rows->str(row, 0), rows->text(row, 1)));
  }
  return {};
}

Result<LeaseRecords::JobTerms> LeaseRecords::terms_of(const std::string& job,
                                                      std::string_view manifest_json) {
  const auto manifest = messages::parse_json<wire::ManifestT>(manifest_json);
  if (!manifest || !manifest->output) {
    return fail(Errc::kInternal, "the stored manifest of job " + job + " cannot be read");
  }
  JobTerms out;
  out.image.format = to_format(manifest->output->format);
  out.image.width = manifest->output->width;
  out.image.height = manifest->output->height;
  if (manifest->sharding) out.samples = manifest->sharding->samples;
  out.unauditable = objection(*manifest);
  return out;
}

Result<> check_holder(const LeaseRecord& lease,
                      const wire::ResultT& result,
                      messages::TicketCheck& tickets) {
  if (lease.agent != result.agent) return fail(Errc::kDenied, "the lease is another agent's");
  const messages::Ticket ticket{lease.lease, lease.agent, lease.scene_sha256, lease.shard};
  if (!tickets.holds(ticket, result.ticket)) {
    return fail(Errc::kDenied, "the ticket is not the dispatcher's");
  }
  return {};
}

}  // namespace worldshare::verifier
