#include "agents/unit_run.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>

#include "agents/backoff.h"
#include "agents/blender/artifact.h"
#include "agents/disk.h"
#include "agents/laboratory/tamper.h"
#include "shared/clock.h"
#include "shared/http/client.h"
#include "shared/image/bundle.h"
#include "shared/messages/messages.h"
#include "shared/messages/shard.h"
#include "shared/scene/blend_file.h"
#include "shared/sharding/audit_plan.h"

namespace worldshare::agent {
namespace {

using std::chrono::steady_clock;

constexpr std::chrono::hours kLongestUnit{24};
constexpr std::size_t kErrorBytes = 500;
constexpr std::size_t kLogTailBytes = 8 * 1024;
// A transfer that fails for another reason than the network is tried so often.
constexpr int kTransferTries = 5;
// What a unit is not to blame for.
constexpr std::array kMachinesCodes{"blender_unavailable", "scratch", "device"};

std::chrono::seconds time_limit(const wire::AssignmentT& assignment) {
  if (assignment.time_limit_seconds == 0) return kLongestUnit;
  return std::chrono::seconds(assignment.time_limit_seconds);
}

/// Of a picture of this size.
Result<AuditRequest> audit_of(const wire::AuditT& audit, const messages::PixelBox& picture) {
  AuditRequest out;
  out.samples = audit.samples;
  for (const auto& tile : audit.tiles) {
    if (!tile || tile->x0 >= tile->x1 || tile->x1 > picture.width() || tile->y0 >= tile->y1 ||
        tile->y1 > picture.height()) {
      return fail(Errc::kInvalid, "audit.tiles: must lie within the unit's picture");
    }
    out.tiles.push_back({tile->x0, tile->y0, tile->x1, tile->y1});
  }
  if (out.samples == 0 || out.tiles.empty() || out.tiles.size() > sharding::kMaxAuditTiles) {
    return fail(Errc::kInvalid, "audit: needs samples, and tiles, " +
                                    std::to_string(sharding::kMaxAuditTiles) + " at most");
  }
  return out;
}

/// A path of this machine would tell strangers of its owner.
std::string without_path(std::string text, const std::string& folder) {
  for (auto at = text.find(folder); at != std::string::npos; at = text.find(folder, at)) {
    text.erase(at, folder.size() - 1);
    text[at] = '~';
  }
  return text;
}

}  // namespace

UnitRun::UnitRun(SlotServices& services,
                 WarmBlender& blender,
                 const wire::AssignmentT& assignment,
                 std::stop_token stop)
    : services_(services),
      blender_(blender),
      assignment_(assignment),
      stop_(std::move(stop)),
      deadline_(steady_clock::now() + time_limit(assignment)),
      scene_url_(assignment.scene_url) {}

bool UnitRun::run() {
  auto scene = fetch_scene();
  if (stop_.stop_requested()) return false;
  if (!scene && scene.error().code == Errc::kDenied) return hand_back(scene.error().message);
  wire::ResultT result =
      scene ? render(std::move(*scene)) : failed("scene_unavailable", scene.error().message, "");
  if (stop_.stop_requested()) return false;
  if (const auto fault = machines_fault(result); !fault.empty()) return hand_back(fault);
  services_.book.set_phase(assignment_.lease, wire::LeasePhase::uploading);
  if (result.outcome == wire::Outcome::rendered) {
    auto uploaded = upload();
    if (stop_.stop_requested()) return false;
    if (!uploaded) {
      spdlog::warn("artifact was not taken lease={} reason=\"{}\"", assignment_.lease,
                   uploaded.error().message);
      if (uploaded.error().code == Errc::kDenied || uploaded.error().code == Errc::kNotFound) {
        return false;
      }
      result = failed("upload_failed", uploaded.error().message, "");
    }
  }
  return report(result);
}

std::string UnitRun::machines_fault(const wire::ResultT& result) const {
  if (result.outcome == wire::Outcome::rendered) return {};
  if (std::ranges::find(kMachinesCodes, result.error_code) != kMachinesCodes.end())
    return result.error;
  return disk_objection(services_.config);
}

bool UnitRun::hand_back(const std::string& reason) {
  spdlog::warn("lease is handed back lease={} frame={} reason=\"{}\"", assignment_.lease,
               assignment_.frame, reason);
  services_.trouble.note(reason);
  return false;
}

Result<SceneCache::Hold> UnitRun::fetch_scene() {
  Backoff backoff;
  for (int tries = 0;;) {
    bool asked = false;
    auto hold = services_.scenes.get(assignment_.scene->sha256, assignment_.scene->size_bytes,
                                     [&](const std::filesystem::path& part) {
                                       asked = true;
                                       return download(part);
                                     });
    if (hold || hold.error().code == Errc::kInvalid) return hold;
    // This disk has no room for it, and will not have any soon.
    if (hold.error().code == Errc::kDenied && !asked) return hold;
    if (!is_retryable(hold.error().code) && ++tries >= kTransferTries) return hold;
    if (steady_clock::now() >= deadline_) return hold;
    spdlog::info("scene does not come yet lease={} reason=\"{}\"", assignment_.lease,
                 hold.error().message);
    if (!backoff.wait(stop_)) return hold;
  }
}

Result<> UnitRun::download(const std::filesystem::path& part) {
  services_.prefetcher.give_way(assignment_.scene->sha256);
  const auto fetch = [&] {
    return http::expect_ok(http::get_file(scene_url_, part, assignment_.scene->size_bytes, web()));
  };
  auto response = fetch();
  if (!response && response.error().code == Errc::kDenied) {
    auto url = services_.dispatcher.scene_url(assignment_.lease);
    if (!url) return std::unexpected(url.error());
    scene_url_ = *url;
    response = fetch();
  }
  if (!response) return std::unexpected(response.error());
  return {};
}

http::ClientOptions UnitRun::web() const {
  http::ClientOptions out = services_.web;
  out.stop = stop_;
  return out;
}

std::string UnitRun::memory_hint(const std::string& code) const {
  if (code != "out_of_memory") return {};
  return fmt::format("; a scene may use {} MiB here (limits.memory_bytes)",
                     blender_.plan.memory_bytes >> 20);
}

wire::ResultT UnitRun::render(SceneCache::Hold scene) {
  auto asked = request();
  if (!asked) return failed("bad_shard", asked.error().message, "");
  services_.book.set_phase(assignment_.lease, wire::LeasePhase::loading);
  auto checked = scene::check_blend_file(scene.path(), services_.config.scene_plain_bytes);
  if (!checked) return failed("scene_unreadable", checked.error().message, "");
  laboratory::warn_of_tampering(services_.config.tamper, assignment_.lease);
  wire::ResultT out = render_frames(scene.path(), std::move(*asked));
  blender_.scene = std::move(scene);
  return out;
}

/// One after the other, in the Blender that has the scene loaded. They are one result: a frame that
/// fails fails all.
wire::ResultT UnitRun::render_frames(const std::filesystem::path& scene, RenderRequest unit) {
  const std::string& lease = assignment_.lease;
  const auto frames = messages::frames_of(*messages::shard_of(assignment_));
  const auto count = static_cast<double>(frames.size());
  const auto began = steady_clock::now();
  wire::ResultT out = new_result();
  std::vector<Bytes> images;
  const RenderObserver observer{
      [&] {
        if (!images.empty()) return;
        out.load_seconds = std::chrono::duration<float>(steady_clock::now() - began).count();
        services_.book.set_phase(lease, wire::LeasePhase::rendering);
      },
      [&](double fraction) {
        services_.book.set_progress(lease, (static_cast<double>(images.size()) + fraction) / count);
      }};
  std::uint64_t room = services_.config.artifact_bytes;
  for (const std::int32_t frame : frames) {
    unit.frame = frame;
    const auto failed_at = [&](const std::string& code, const std::string& why, const auto& log) {
      return failed(code, (frames.size() > 1 ? fmt::format("frame {}: ", frame) : "") + why, log);
    };
    const RenderOutcome outcome = blender_.renderer.render(scene, unit, observer, stop_);
    if (outcome.end != RenderEnd::kDone)
      return failed_at(outcome.code, outcome.error + memory_hint(outcome.code), outcome.log_tail);
    auto image = read_artifact(outcome.image, unit, room);
    if (!image) return failed_at("bad_image", image.error().message, outcome.log_tail);
    room -= image->size();
    images.push_back(std::move(*image));
    out.render_seconds += static_cast<float>(outcome.seconds);
    out.peak_memory_bytes = std::max(out.peak_memory_bytes, outcome.peak_memory_bytes);
  }
  artifact_ = images.size() == 1 ? std::move(images.front()) : image::bundle(images);
  out.outcome = wire::Outcome::rendered;
  out.artifact = std::make_unique<wire::ArtifactT>();
  out.artifact->sha256 = to_hex(sha256(artifact_));
  out.artifact->size_bytes = artifact_.size();
  return out;
}

Result<RenderRequest> UnitRun::request() const {
  const auto shard = messages::shard_of(assignment_);
  if (!shard) return std::unexpected(shard.error());
  if (shard->frame_count != 1 && (messages::is_part_of_frame(*shard) || assignment_.audit)) {
    return fail(Errc::kInvalid, "this agent renders parts and audits of one frame in a unit");
  }
  RenderRequest out;
  out.frame = shard->frame;
  out.tile = shard->tile;
  out.samples = shard->samples;
  if (assignment_.audit) {
    const wire::OutputT& output = *assignment_.output;
    auto audit =
        audit_of(*assignment_.audit, messages::rendered_box(*shard, {output.width, output.height}));
    if (!audit) return std::unexpected(audit.error());
    out.audit = std::move(*audit);
  }
  out.width = assignment_.output->width;
  out.height = assignment_.output->height;
  out.format = assignment_.output->format;
  out.engine = assignment_.engine;
  out.deadline = deadline_;
  out.tamper = services_.config.tamper;
  return out;
}

Result<> UnitRun::upload() {
  wire::UploadRequestT request;
  request.lease = assignment_.lease;
  request.sha256 = to_hex(sha256(artifact_));
  request.size_bytes = artifact_.size();
  Backoff backoff;
  for (int tries = 0;;) {
    auto done = upload_once(request);
    if (done) return {};
    const Errc code = done.error().code;
    if (code == Errc::kDenied || code == Errc::kNotFound) return done;
    if (!is_retryable(code) && ++tries >= kTransferTries) return done;
    spdlog::info("upload waits lease={} reason=\"{}\"", assignment_.lease, done.error().message);
    if (!backoff.wait(stop_)) return done;
  }
}

/// A denied or unknown lease ends the unit; a URL that is not taken is only asked for again.
Result<> UnitRun::upload_once(const wire::UploadRequestT& request) {
  auto reply = services_.dispatcher.upload(request);
  if (!reply) return std::unexpected(reply.error());
  if (reply->present) return {};
  auto response = http::put(reply->url, artifact_, web(), messages::to_headers(reply->headers));
  if (!response && response.error().code == Errc::kDenied) {
    // Its certificate, which may be renewed: what was rendered waits.
    services_.trouble.note(response.error().message);
    return fail(Errc::kUnavailable, response.error().message);
  }
  auto stored = http::expect_ok(std::move(response));
  if (stored) return {};
  const bool about_url =
      stored.error().code == Errc::kDenied || stored.error().code == Errc::kNotFound;
  return fail(about_url ? Errc::kInvalid : stored.error().code, stored.error().message);
}

bool UnitRun::report(const wire::ResultT& result) {
  wire::SignedResultT message;
  message.payload = messages::encode(result);
  message.signature = services_.key.sign(message.payload);
  const bool rendered = result.outcome == wire::Outcome::rendered;
  const std::uint32_t frames = assignment_.shard ? assignment_.shard->frame_count : 1;
  const std::string summary =
      rendered
          ? fmt::format("rendered {}in {:.1f} s, {} bytes, {}",
                        frames > 1 ? fmt::format("{} frames ", frames) : "", result.render_seconds,
                        result.artifact->size_bytes, result.artifact->sha256.substr(0, 12))
          : fmt::format("failed: {}", result.error_code);
  Backoff backoff(std::chrono::seconds(15));
  while (!stop_.stop_requested()) {
    auto stored = services_.dispatcher.report(assignment_.lease, message, summary);
    if (stored) {
      spdlog::info("result stored lease={} frame={} outcome=\"{}\"", assignment_.lease,
                   assignment_.frame, summary);
      remember(result);
      return true;
    }
    spdlog::info("result waits lease={} reason=\"{}\"", assignment_.lease, stored.error().message);
    if (!backoff.wait(stop_)) break;
  }
  return false;
}

void UnitRun::remember(const wire::ResultT& result) {
  const bool rendered = result.outcome == wire::Outcome::rendered;
  services_.history.add(
      {assignment_.frame, rendered ? WorkHistory::Outcome::rendered : WorkHistory::Outcome::failed,
       result.error_code, std::chrono::duration<double>(steady_clock::now() - began_).count(),
       unix_ms(SystemClock().now())});
}

wire::ResultT UnitRun::new_result() const {
  wire::ResultT out;
  out.lease = assignment_.lease;
  out.agent = services_.key.public_key();
  out.ticket = assignment_.ticket;
  // Results of one such name are compared strictly.
  out.renderer = "Blender " + services_.blender + " " + blender_.plan.on.test.label;
  return out;
}

wire::ResultT UnitRun::failed(const std::string& code,
                              const std::string& error,
                              const std::string& log_tail) const {
  if (!stop_.stop_requested()) {
    spdlog::warn("unit failed lease={} frame={} code={} reason=\"{}\"", assignment_.lease,
                 assignment_.frame, code, error);
  }
  wire::ResultT out = new_result();
  out.outcome = wire::Outcome::failed;
  out.error_code = code;
  const std::string folder = std::filesystem::absolute(services_.config.state_folder);
  out.error = messages::clean_text(without_path(error, folder), kErrorBytes);
  out.log_tail = messages::clean_text(without_path(log_tail, folder), kLogTailBytes);
  return out;
}

}  // namespace worldshare::agent
