#include "verifier/metrics/structure.h"

#include <algorithm>
#include <memory>

namespace worldshare::verifier {
namespace {

constexpr std::uint32_t kReach = kernels::kWindow - 1;

/// An upper bound of what single precision costs the mean. A variance is the difference of two
/// means of squares of at most M = 2 spread.largest^2, each off by a few units of 2^-24; with
/// D the mean squared difference, 1 - SSIM moves by at most (M D / C2^2 + D / C2) times that.
bool needs_double(const Spread& spread) {
  constexpr double kUnits = 4;
  constexpr double kC2 = 0.03 * 0.03;
  const double energy = 2 * spread.largest * spread.largest;
  const double error = kUnits * 0x1p-24 * (energy / kC2 + 1) * spread.mse / kC2;
  return error > 2e-7;
}

/// So wide that the rows that a strip keeps stay in the first-level cache.
std::uint32_t strip_pixels(const kernels::WindowJob& job) {
  (void)job;
  return 48;
}

}  // namespace

std::vector<double> mean_ssim(const kernels::Kernels& kernels,
                              const kernels::Replicas& all,
                              bool reflect,
                              const Spread& spread) {
  kernels::WindowJob job{all, reflect, needs_double(spread)};
  job.padded |= std::min(all.width, all.height) < kernels::kWindow;
  const std::uint32_t map_width = all.width - (job.padded ? 0 : kReach);
  const std::uint32_t map_height = all.height - (job.padded ? 0 : kReach);
  const std::uint32_t wide = strip_pixels(job);
  double deficits[kernels::kMaxPairs] = {};
  const auto work = std::make_unique<kernels::WindowWorkspace>();
  for (std::uint32_t x = 0; x < map_width; x += wide) {
    kernels.window(job, {x, std::min(wide, map_width - x)}, deficits, *work);
  }
  std::vector<double> out;
  for (std::size_t pair = 0; pair < pair_count(all.count); ++pair) {
    out.push_back(1 - deficits[pair] / (1.0 * map_width * map_height * all.colours));
  }
  return out;
}

}  // namespace worldshare::verifier
