#include "shared/sharding/cost_estimate.h"

#include <algorithm>
#include <cmath>

namespace worldshare::sharding {
namespace {

constexpr double kLargestStep = 4;
constexpr double kWeight = 0.125;

bool is_positive(double value) { return std::isfinite(value) && value > 0; }

}  // namespace

double share_of_frame(const messages::Shard& shard, const messages::FrameSize& frame) {
  const messages::PixelBox box = messages::rendered_box(shard, frame);
  const double pixels = double{1.0} * box.width() * box.height() / frame.width / frame.height;
  const double samples =
      shard.samples ? double{1.0} * shard.samples->count / shard.samples->total : 1.0;
  return shard.frame_count * pixels * samples;
}

CostEstimate::CostEstimate(const wire::ManifestT& manifest) {
  cost_.fixed_seconds = kUsualFixedSeconds;
  if (!manifest.estimate) return;
  cost_.frame_seconds = manifest.estimate->seconds_per_frame;
  if (manifest.estimate->fixed_seconds > 0) cost_.fixed_seconds = manifest.estimate->fixed_seconds;
}

void CostEstimate::observe(double share, double render_seconds) {
  if (!is_positive(share) || !is_positive(render_seconds)) return;
  // Every unit syncs the scene once, whatever its share; at least a tenth was rendering.
  const double rendering =
      std::max(render_seconds - cost_.fixed_seconds, render_seconds / 10) / share;
  if (!is_positive(cost_.frame_seconds)) {
    cost_.frame_seconds = rendering;
    return;
  }
  const double step = std::clamp(rendering / cost_.frame_seconds, 1 / kLargestStep, kLargestStep);
  cost_.frame_seconds *= std::pow(step, kWeight);
}

}  // namespace worldshare::sharding
