#include "shared/sharding/division.h"

#include <algorithm>
#include <cmath>

#include "shared/messages/manifest.h"

namespace worldshare::sharding {
namespace {

/// More parts than the limits of the manifest allow in any case.
constexpr double kMostParts = 1 << 20;

std::uint32_t to_count(double value) {
  return static_cast<std::uint32_t>(std::clamp(value, 0.0, kMostParts));
}

/// A sentence, or nothing when the scene may be divided.
std::string why_whole(const wire::ManifestT& manifest) {
  const wire::ShardingT& sharding = *manifest.sharding;
  if (manifest.requirements->engine != wire::Engine::cycles) {
    return "Only Cycles renders a part of a frame as it renders the whole; this is " +
           std::string(wire::EnumNameEngine(manifest.requirements->engine)) + ".";
  }
  if (sharding.samples == 0) return "The scene was not analysed: sharding.samples is 0.";
  if (sharding.whole_frames.empty()) return {};
  std::string out = "Frames stay whole because of: ";
  for (const auto& reason : sharding.whole_frames) {
    if (&reason != sharding.whole_frames.data()) out += "; ";
    out += reason;
  }
  return out + ".";
}

/// Of samples as deep as the format has them.
std::uint64_t pixel_bytes(const wire::OutputT& output) {
  const std::uint64_t pixels = std::uint64_t{output.width} * output.height;
  switch (output.format) {
    case wire::ImageFormat::jpeg: return pixels * 3;
    case wire::ImageFormat::exr: return pixels * 16;
    default: return pixels * 8;
  }
}

/// The grid of about `wanted` tiles, at most `most`, whose tiles are nearest to squares.
Division best_grid(const wire::OutputT& output, std::uint32_t wanted, std::uint32_t most) {
  Division best;
  double best_score = HUGE_VAL;
  const std::uint32_t most_columns = std::max(1U, output.width / kLeastTileSide);
  const std::uint32_t most_rows = std::max(1U, output.height / kLeastTileSide);
  for (std::uint32_t columns = 1; columns <= std::min(wanted, most_columns); ++columns) {
    for (const std::uint32_t more : {0U, 1U}) {
      const std::uint32_t rows = std::min(std::max(1U, wanted / columns + more), most_rows);
      const double tiles = double{1.0} * columns * rows;
      if (tiles > most) continue;
      const double ratio =
          (double{1.0} * output.width / columns) / (double{1.0} * output.height / rows);
      const double score = std::max(ratio, 1 / ratio) * std::max(tiles / wanted, wanted / tiles);
      if (score >= best_score) continue;
      best_score = score;
      best.columns = columns;
      best.rows = rows;
    }
  }
  return best;
}

/// `wanted` parts of a frame, never more than `most`.
DivisionChoice divide(const wire::ManifestT& manifest, std::uint32_t wanted, std::uint32_t most) {
  const wire::ShardingT& sharding = *manifest.sharding;
  const bool tiles = sharding.mode != wire::ShardMode::samples;
  const bool ranges = sharding.mode != wire::ShardMode::tiles && !sharding.adaptive;
  if (!tiles && !ranges) {
    return {{}, "Ranges of samples do not merge with adaptive sampling; use tiles."};
  }
  Division out;
  if (tiles) {
    out = best_grid(*manifest.output, std::min(wanted, sharding.max_tiles),
                    std::min(most, sharding.max_tiles));
  }
  if (ranges) {
    const std::uint32_t each = out.columns * out.rows;
    const double rest = std::round(double{1.0} * wanted / each);
    out.sample_ranges =
        std::max(1U, std::min({to_count(rest), most / each, sharding.max_sample_ranges,
                               sharding.samples / kLeastSamples}));
  }
  if (out.parts() > 1) return {out, {}};
  return {{}, "The frame has too few pixels or samples for the parts that sharding.mode allows."};
}

}  // namespace

DivisionChoice choose_division(const wire::ManifestT& manifest, const FrameCost& cost) {
  const wire::ShardingT& sharding = *manifest.sharding;
  const double frame = cost.frame_seconds;
  if (!std::isfinite(frame) || frame <= 0) return {};
  const double least = kFixedCostTimes * std::max(cost.fixed_seconds, 0.0);
  const double unit = std::max<double>(sharding.unit_seconds, least);
  if (frame <= unit / 2) {
    const double fit = static_cast<double>(kMostBundledBytes / pixel_bytes(*manifest.output));
    const std::uint32_t frames =
        std::min({sharding.max_frames, to_count(unit / frame), std::max(1U, to_count(fit)),
                  messages::frame_count(manifest)});
    return {{.frames = frames}, {}};
  }
  const std::uint32_t most = least > 0 ? to_count(frame / least) : to_count(kMostParts);
  const std::uint32_t wanted = std::min(to_count(std::round(frame / unit)), most);
  if (wanted < 2 || sharding.mode == wire::ShardMode::frames) return {};
  if (auto reason = why_whole(manifest); !reason.empty()) return {{}, std::move(reason)};
  return divide(manifest, wanted, most);
}

bool can_be_halved(const wire::ManifestT& manifest, const FrameCost& cost) {
  if (!manifest.sharding || !manifest.requirements || !manifest.policy) return false;
  const wire::ShardingT& sharding = *manifest.sharding;
  const bool wanted =
      sharding.mode == wire::ShardMode::automatic || sharding.mode == wire::ShardMode::samples;
  return wanted && why_whole(manifest).empty() && !sharding.adaptive &&
         sharding.samples >= 2 * kLeastSamples && manifest.policy->replicas == 2 &&
         cost.frame_seconds > 0 && cost.frame_seconds >= kFixedCostTimes * cost.fixed_seconds;
}

messages::Shard half_of(messages::Shard whole, std::uint32_t half, std::uint32_t samples) {
  const std::uint32_t first = samples / 2;
  whole.samples = half == 0 ? messages::SampleRange{0, first, samples}
                            : messages::SampleRange{first, samples - first, samples};
  return whole;
}

}  // namespace worldshare::sharding
