#pragma once

#include "manifest_types.h"
#include "shared/messages/shard.h"

namespace worldshare::sharding {

/// What a frame of a job costs the machines that render it.
struct FrameCost {
  double frame_seconds = 0;  ///< rendering alone; 0: not known
  double fixed_seconds = 0;  ///< of every unit, before its first pixel
};

/// Where a manifest does not tell: the most that start, load and scene sync took of four scenes of
/// up to 730,000 triangles (Blender 3.4, a sky's importance map included).
inline constexpr double kUsualFixedSeconds = 2.5;

/// The share of a frame's work that a shard is, by pixels and samples; above 1 for several frames.
double share_of_frame(const messages::Shard& shard, const messages::FrameSize& frame);

/// The manifest's estimate, corrected by what units really took. One thread.
class CostEstimate {
 public:
  explicit CostEstimate(const wire::ManifestT& manifest);

  /// A unit that was `share` of a frame rendered for so long. Where there was no estimate the first
  /// observation is it; afterwards each moves it by an eighth of the way, and one that is more than
  /// four times off counts as four times: no single machine, or liar, turns it. What is not a
  /// positive number is ignored.
  void observe(double share, double render_seconds);
  FrameCost cost() const { return cost_; }

 private:
  FrameCost cost_;
};

}  // namespace worldshare::sharding
