#pragma once

#include <cstdint>
#include <string>

#include "manifest_types.h"
#include "shared/messages/shard.h"
#include "shared/sharding/cost_estimate.h"

namespace worldshare::sharding {

/// How the frames of a job become units. By default a unit is one whole frame.
struct Division {
  std::uint32_t frames = 1;  ///< in one unit; 1 where a frame is divided
  std::uint32_t columns = 1;
  std::uint32_t rows = 1;
  std::uint32_t sample_ranges = 1;  ///< of every tile

  /// Units that one frame is divided into.
  std::uint32_t parts() const { return columns * rows * sample_ranges; }
  bool operator==(const Division&) const = default;
};

struct DivisionChoice {
  Division division;
  /// Why frames that take longer than a unit should stay whole, a sentence for people. Empty when
  /// they are divided, are short enough, or the artist wants them whole.
  std::string whole_because;
};

/// A unit is worth so many times what it costs before its first pixel.
inline constexpr double kFixedCostTimes = 10;
/// What the pixels of a unit's frames take at most, so that what it hands in stays below the usual
/// limit of an artifact even where nothing can be compressed.
inline constexpr std::uint64_t kMostBundledBytes = 256ULL << 20;
/// A tile has no shorter side, a range no fewer samples.
inline constexpr std::uint32_t kLeastTileSide = 16;
inline constexpr std::uint32_t kLeastSamples = 16;

/// The division that comes nearest to the manifest's unit time. A unit never renders for less than
/// kFixedCostTimes the fixed cost unless the frame does. `manifest` is checked, with its defaults
/// filled in. Pure.
DivisionChoice choose_division(const wire::ManifestT& manifest, const FrameCost& cost);

/// Whether two owners may render half of a frame's samples each: ranges of samples merge and
/// sharding.mode allows them, a half has at least kLeastSamples, the artist asks for two replicas,
/// and a frame takes kFixedCostTimes the fixed cost. `manifest` as above. Pure.
bool can_be_halved(const wire::ManifestT& manifest, const FrameCost& cost);

/// The first (0) or the second (1) half of the `samples` that each pixel of the shard gets.
messages::Shard half_of(messages::Shard whole, std::uint32_t half, std::uint32_t samples);

}  // namespace worldshare::sharding
