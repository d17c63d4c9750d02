#include "verifier/trust/lease_record.h"

#include "shared/messages/ticket.h"
#include "verifier/assembly/assemble.h"

namespace worldshare::verifier {
namespace {

constexpr const char* kLoadLease = R"(
  select r.owner, r.agent, r.state, r.committed_sha256, r.committed_bytes, u.id, u.job, u.frame,
         j.scene, j.replicas, j.max_replicas, j.manifest::text, u.shard
    from replicas r join units u on u.id = r.unit join jobs j on j.id = u.job
   where r.lease = $1)";

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

Result<ImageLimits> image_limits(const std::string& job,
                                 std::string_view manifest_json,
                                 const messages::Shard& shard) {
  const auto manifest = messages::parse_json<wire::Manifest>(manifest_json);
  if (!manifest || !manifest->output) {
    return fail(Errc::kInternal, "the stored manifest of job " + job + " cannot be read");
  }
  const messages::FrameSize frame{manifest->output->width, manifest->output->height};
  if (messages::is_part_of_frame(shard)) return part_limits(shard, frame);
  ImageLimits out;
  out.format = to_format(manifest->output->format);
  out.width = manifest->output->width;
  out.height = manifest->output->height;
  return out;
}

}  // namespace

Result<LeaseRecord> load_lease(pg::Connection& connection, const std::string& lease) {
  const auto rows = connection.exec(kLoadLease, {lease});
  if (!rows) return std::unexpected(rows.error());
  if (rows->empty()) return fail(Errc::kNotFound, "unknown lease");
  LeaseRecord out;
  out.lease = lease;
  out.owner = rows->str(0, 0);
  out.agent = rows->str(0, 1);
  out.state = rows->str(0, 2);
  out.committed_sha256 = rows->str(0, 3);
  out.committed_bytes = static_cast<std::uint64_t>(rows->integer(0, 4));
  out.unit = rows->integer(0, 5);
  out.job = rows->str(0, 6);
  out.frame = static_cast<std::int32_t>(rows->integer(0, 7));
  out.scene_sha256 = rows->str(0, 8);
  out.policy.replicas = static_cast<unsigned>(rows->integer(0, 9));
  out.policy.max_replicas = static_cast<unsigned>(rows->integer(0, 10));
  const auto shard = shard_of(out.job, out.frame, rows->text(0, 12));
  if (!shard) return std::unexpected(shard.error());
  out.shard = *shard;
  const auto image = image_limits(out.job, rows->text(0, 11), out.shard);
  if (!image) return std::unexpected(image.error());
  out.image = *image;
  return out;
}

Result<> check_holder(const LeaseRecord& lease,
                      const wire::ResultT& result,
                      const std::string& dispatcher_public_key) {
  if (lease.agent != result.agent) return fail(Errc::kDenied, "the lease is another agent's");
  const messages::Ticket ticket{lease.lease, lease.agent, lease.scene_sha256, lease.shard};
  if (!messages::check_ticket(dispatcher_public_key, ticket, result.ticket)) {
    return fail(Errc::kDenied, "the ticket is not the dispatcher's");
  }
  return {};
}

}  // namespace worldshare::verifier
