#include "shared/messages/manifest.h"

#include <algorithm>
#include <cmath>

#include "shared/crypto.h"
#include "shared/ids.h"
#include "shared/messages/shard.h"

namespace worldshare::messages {
namespace {

constexpr std::uint64_t kLatestMs = 4'102'444'800'000;  // the year 2100

std::unexpected<Error> wrong(const std::string& field, const std::string& what) {
  return fail(Errc::kInvalid, field + ": " + what);
}

/// Valid UTF-8 without control characters.
bool is_plain_line(const std::string& text) {
  return clean_text(text, text.size()) == text && text.find_first_of("\n\t") == std::string::npos;
}

bool is_version(std::string_view text) {
  const auto dot = text.find('.');
  const auto digits = [](std::string_view part) {
    return !part.empty() && part.size() <= 3 &&
           part.find_first_not_of("0123456789") == std::string_view::npos;
  };
  return dot != std::string_view::npos && digits(text.substr(0, dot)) &&
         digits(text.substr(dot + 1));
}

Result<> check_scene(const wire::SceneRefT* scene, const ManifestLimits& limits) {
  if (scene == nullptr)
    return wrong("scene", "missing; upload the .blend and name its sha256, size_bytes and name");
  if (!is_sha256_hex(scene->sha256))
    return wrong("scene.sha256", "must be the 64 lower-case hex digits of the file's SHA-256");
  if (scene->size_bytes == 0)
    return wrong("scene.size_bytes", "must be the file's size, more than 0");
  if (scene->size_bytes > limits.scene_bytes) {
    return wrong("scene.size_bytes", "at most " + std::to_string(limits.scene_bytes) +
                                         " bytes are accepted; pack less into the file");
  }
  if (scene->name.empty() || scene->name.size() > 255)
    return wrong("scene.name", "must be a file name of 1 to 255 bytes");
  if (scene->name.find_first_of("/\\") != std::string::npos ||
      scene->name.find("..") != std::string::npos) {
    return wrong("scene.name", "must be a plain file name, without a path or '..'");
  }
  if (!is_plain_line(scene->name))
    return wrong("scene.name", "must be valid UTF-8 without control characters");
  return {};
}

Result<> check_frames(const wire::FrameRangeT* frames, const ManifestLimits& limits) {
  if (frames == nullptr)
    return wrong("frames",
                 "missing; give first and last, for example {\"first\": 1, \"last\": 250}");
  if (!frames->first) return wrong("frames.first", "missing");
  if (!frames->last) return wrong("frames.last", "missing");
  if (frames->step < 1) return wrong("frames.step", "must be 1 or more");
  if (*frames->last < *frames->first) {
    return wrong("frames.last",
                 "is before frames.first; a range runs forwards, for example 1 to 250");
  }
  if (*frames->first < kFirstFrame || *frames->last > kLastFrame) {
    return wrong("frames", "frame numbers must lie within -1048574..1048574, Blender's own limits");
  }
  const std::int64_t count = (std::int64_t{*frames->last} - *frames->first) / frames->step + 1;
  if (count > limits.frames) {
    return wrong("frames", std::to_string(count) + " frames in one job; at most " +
                               std::to_string(limits.frames) + ", submit the rest as another job");
  }
  return {};
}

Result<> check_output(const wire::OutputT* output, const ManifestLimits& limits) {
  if (output == nullptr)
    return wrong("output", "missing; give width, height and format as the scene renders them");
  for (const auto& [name, side] :
       {std::pair{"output.width", output->width}, std::pair{"output.height", output->height}}) {
    if (side == 0) return wrong(name, "must be 1 pixel or more");
    if (side > limits.side_pixels) {
      return wrong(name, std::to_string(side) + " pixels; at most " +
                             std::to_string(limits.side_pixels) + " a side");
    }
  }
  if (std::uint64_t{output->width} * output->height > limits.frame_pixels) {
    return wrong("output", "more than " + std::to_string(limits.frame_pixels) +
                               " pixels in a frame; lower the resolution");
  }
  if (output->format > wire::ImageFormat::MAX)
    return wrong("output.format", "must be png, jpeg or exr");
  return {};
}

Result<> check_requirements(const wire::RequirementsT* requirements) {
  if (requirements == nullptr) return {};
  if (requirements->engine > wire::Engine::MAX)
    return wrong("requirements.engine", "must be cycles, eevee or workbench");
  if (!requirements->blender.empty() && !is_version(requirements->blender)) {
    return wrong("requirements.blender", "must be a version like \"3.4\"");
  }
  if (auto ok = check_texts("requirements.features", requirements->features, 64, 100); !ok)
    return ok;
  return check_texts("requirements.labels", requirements->labels, kMaxLabels, kMaxLabelBytes);
}

Result<> check_policy(const wire::PolicyT* policy) {
  if (policy == nullptr) return {};
  if (policy->replicas < 1 || policy->replicas > 9)
    return wrong("policy.replicas", "must be 1 to 9");
  if (policy->max_replicas < policy->replicas || policy->max_replicas > 99) {
    return wrong("policy.max_replicas", "must be at least policy.replicas and at most 99");
  }
  return {};
}

Result<> check_seconds(const char* field, float seconds) {
  if (std::isfinite(seconds) && seconds >= 0 && seconds <= 1e7F) return {};
  return wrong(field, "must be a number of seconds, 0 to 10000000");
}

Result<> check_estimate(const wire::EstimateT* estimate) {
  if (estimate == nullptr) return {};
  if (auto ok = check_seconds("estimate.seconds_per_frame", estimate->seconds_per_frame); !ok) {
    return ok;
  }
  return check_seconds("estimate.fixed_seconds", estimate->fixed_seconds);
}

Result<> check_sharding(const wire::ShardingT* sharding) {
  if (sharding == nullptr) return {};
  if (sharding->mode > wire::ShardMode::MAX)
    return wrong("sharding.mode", "must be automatic, frames, tiles or samples");
  if (sharding->unit_seconds < 10 || sharding->unit_seconds > 86'400)
    return wrong("sharding.unit_seconds", "must be 10 to 86400 seconds");
  if (sharding->max_frames < 1 || sharding->max_frames > kMaxShardFrames)
    return wrong("sharding.max_frames", "must be 1 to " + std::to_string(kMaxShardFrames));
  if (sharding->max_tiles < 1 || sharding->max_tiles > 4096)
    return wrong("sharding.max_tiles", "must be 1 to 4096");
  if (sharding->max_sample_ranges < 1 || sharding->max_sample_ranges > 256)
    return wrong("sharding.max_sample_ranges", "must be 1 to 256");
  if (sharding->max_tiles * sharding->max_sample_ranges > kMaxFrameParts) {
    return wrong("sharding.max_tiles", "times max_sample_ranges must be at most " +
                                           std::to_string(kMaxFrameParts) + ", parts of one frame");
  }
  if (sharding->samples > kMaxShardSamples)
    return wrong("sharding.samples", "must be at most " + std::to_string(kMaxShardSamples));
  return check_texts("sharding.whole_frames", sharding->whole_frames, 32, 200);
}

Result<> check_schedule(const wire::ScheduleT* schedule) {
  if (schedule == nullptr) return {};
  if (schedule->priority > 100) return wrong("schedule.priority", "must be 0 to 100");
  const std::pair<const char*, std::uint64_t> times[] = {
      {"schedule.deadline_ms", schedule->deadline_ms},
      {"schedule.not_before_ms", schedule->not_before_ms}};
  for (const auto& [name, time] : times) {
    if (time > kLatestMs) return wrong(name, "must be a unix time in milliseconds, before 2100");
  }
  if (schedule->deadline_ms > 0 && schedule->deadline_ms <= schedule->not_before_ms)
    return wrong("schedule.deadline_ms", "must be later than schedule.not_before_ms");
  if (schedule->after.size() > 32) return wrong("schedule.after", "at most 32 jobs");
  for (const auto& job : schedule->after) {
    if (!is_id(job))
      return wrong("schedule.after", "must be ids of jobs, as their submission told");
  }
  return {};
}

}  // namespace

Result<wire::ManifestT> parse_manifest(std::string_view json, const ManifestLimits& limits) {
  if (json.size() > limits.json_bytes) {
    return fail(Errc::kInvalid,
                "manifest: larger than " + std::to_string(limits.json_bytes) + " bytes");
  }
  auto manifest = parse_json<wire::ManifestT>(json);
  if (!manifest) return wrong("manifest", manifest.error().message);
  if (auto ok = check(*manifest, limits); !ok) return std::unexpected(ok.error());
  // What may be left out gets its defaults here, so that nobody downstream asks twice.
  if (!manifest->requirements) manifest->requirements = std::make_unique<wire::RequirementsT>();
  if (!manifest->policy) manifest->policy = std::make_unique<wire::PolicyT>();
  if (!manifest->estimate) manifest->estimate = std::make_unique<wire::EstimateT>();
  if (!manifest->sharding) manifest->sharding = std::make_unique<wire::ShardingT>();
  if (!manifest->schedule) manifest->schedule = std::make_unique<wire::ScheduleT>();
  if (manifest->title.empty()) manifest->title = manifest->scene->name;
  return manifest;
}

Result<> check(const wire::ManifestT& manifest, const ManifestLimits& limits) {
  if (manifest.version != 1) return wrong("version", "must be 1; this server knows no other");
  if (manifest.title.size() > 200 || !is_plain_line(manifest.title)) {
    return wrong("title", "must be at most 200 bytes of valid UTF-8 without control characters");
  }
  if (auto ok = check_scene(manifest.scene.get(), limits); !ok) return ok;
  if (auto ok = check_frames(manifest.frames.get(), limits); !ok) return ok;
  if (auto ok = check_output(manifest.output.get(), limits); !ok) return ok;
  if (auto ok = check_requirements(manifest.requirements.get()); !ok) return ok;
  if (auto ok = check_policy(manifest.policy.get()); !ok) return ok;
  if (auto ok = check_estimate(manifest.estimate.get()); !ok) return ok;
  if (auto ok = check_sharding(manifest.sharding.get()); !ok) return ok;
  return check_schedule(manifest.schedule.get());
}

Result<> check_texts(const char* field,
                     const std::vector<std::string>& texts,
                     std::size_t most,
                     std::size_t bytes) {
  if (texts.size() > most) return wrong(field, "at most " + std::to_string(most));
  for (const auto& text : texts) {
    if (text.empty() || text.size() > bytes || !is_plain_line(text)) {
      return wrong(field, "each must be 1 to " + std::to_string(bytes) + " bytes of plain text");
    }
  }
  return {};
}

std::uint32_t frame_count(const wire::ManifestT& manifest) {
  const auto& frames = *manifest.frames;
  return static_cast<std::uint32_t>((*frames.last - *frames.first) / frames.step + 1);
}

std::uint32_t frame_index(const wire::ManifestT& manifest, std::int32_t frame) {
  const auto& frames = *manifest.frames;
  return static_cast<std::uint32_t>((frame - *frames.first) / frames.step);
}

std::int32_t frame_number(const wire::ManifestT& manifest, std::uint32_t index) {
  const auto& frames = *manifest.frames;
  return *frames.first + static_cast<std::int32_t>(index) * frames.step;
}

}  // namespace worldshare::messages
