#include "agents/blender/finish.h"

#include <algorithm>
#include <array>
#include <fstream>

#include "agents/blender/artifact.h"
#include "shared/image/header.h"

namespace worldshare::agent {
namespace {

constexpr std::chrono::minutes kFinishTime{30};
/// The attributes that Blender and our own writer put before the pixels take a few hundred.
constexpr std::size_t kHeaderBytes = 64 * 1024;

Result<image::Header> header_of(const std::filesystem::path& picture) {
  std::ifstream file(picture, std::ios::binary);
  Bytes bytes(kHeaderBytes);
  file.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  bytes.resize(static_cast<std::size_t>(file.gcount()));
  auto header = image::read_header(bytes);
  if (!header) return fail(Errc::kInvalid, "the assembled picture: " + header.error().message);
  if (header->format != image::Format::kExr || !header->floating_point) {
    return fail(Errc::kInvalid, "the assembled picture is not a float OpenEXR file");
  }
  return header;
}

Result<wire::ImageFormat> format_named(const std::string& name) {
  for (const wire::ImageFormat format : wire::EnumValuesImageFormat()) {
    if (name == wire::EnumNameImageFormat(format)) return format;
  }
  return fail(Errc::kInvalid, "unknown format " + name + "; png, jpeg or exr");
}

Result<RenderRequest> request_of(const FinishOrder& order) {
  const auto header = header_of(order.picture);
  if (!header) return std::unexpected(header.error());
  const auto format = format_named(order.format);
  if (!format) return std::unexpected(format.error());
  RenderRequest out;
  out.frame = order.frame;
  out.width = header->width;
  out.height = header->height;
  out.format = *format;
  out.assembled = order.picture;
  out.deadline = std::chrono::steady_clock::now() + kFinishTime;
  return out;
}

bool is_of_this_moment(const std::string& code) {
  constexpr std::array kCodes{"scratch", "scratch_limit", "output_not_writable"};
  return std::ranges::find(kCodes, code) != kCodes.end();
}

Errc errc_of(const RenderOutcome& outcome) {
  if (outcome.end == RenderEnd::kCrashed || outcome.code == "timeout") return Errc::kInternal;
  const bool hopeless = outcome.end == RenderEnd::kFailed && !is_of_this_moment(outcome.code);
  return hopeless ? Errc::kInvalid : Errc::kUnavailable;
}

}  // namespace

Result<Bytes> finish_frame(const BlenderOptions& options,
                           const FinishOrder& order,
                           std::uint64_t limit_bytes) {
  const auto request = request_of(order);
  if (!request) return std::unexpected(request.error());
  auto worker = BlenderWorker::start(options, order.scene, WorkerMode::kFinish);
  if (!worker) return std::unexpected(worker.error());
  const RenderOutcome outcome = (*worker)->render(*request, {}, {});
  if (outcome.end == RenderEnd::kDone) return read_artifact(outcome.image, *request, limit_bytes);
  return fail(errc_of(outcome), outcome.code + ": " + outcome.error);
}

}  // namespace worldshare::agent
