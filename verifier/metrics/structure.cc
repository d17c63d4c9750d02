#include "verifier/metrics/structure.h"

#include <algorithm>
#include <cmath>
#include <memory>

namespace worldshare::verifier {
namespace {

constexpr std::uint32_t kReach = kernels::kWindow - 1;

/// Whether single precision could cost the mean 5e-7. A variance is the difference of two means of
/// squares of at most M = 2 spread.largest^2, each off by some units of u = 2^-24; with D the mean
/// squared difference, 1 - SSIM moves by at most (M / C2 + 1) D / C2 times that. Floats are coded
/// with errors of some u, which moves it by 2 sqrt(D) / C2 times those. The units are measured, see
/// docs/metrics.md.
bool needs_double(const kernels::Replicas& all, const Spread& spread) {
  constexpr double kUnit = 0x1p-24;
  constexpr double kC2 = 0.03 * 0.03;
  const double energy = 2 * spread.largest * spread.largest;
  double error = 4 * kUnit * (energy / kC2 + 1) * spread.mse / kC2;
  if (is_float(all.depth)) error += 32 * kUnit * spread.largest * std::sqrt(spread.mse) / kC2;
  return error > 5e-7;
}

}  // namespace

std::vector<double> mean_ssim(const kernels::Kernels& kernels,
                              const kernels::Replicas& all,
                              bool reflect,
                              const Spread& spread) {
  kernels::WindowJob job{all, reflect, needs_double(all, spread)};
  job.padded |= std::min(all.width, all.height) < kernels::kWindow;
  const std::uint32_t map_width = all.width - (job.padded ? 0 : kReach);
  const std::uint32_t map_height = all.height - (job.padded ? 0 : kReach);
  constexpr std::uint32_t kWide = kernels::kWindowStrip;
  double deficits[kernels::kMaxPairs] = {};
  const auto work = std::make_unique<kernels::WindowWorkspace>();
  for (std::uint32_t x = 0; x < map_width; x += kWide) {
    kernels.window(job, {x, std::min(kWide, map_width - x)}, deficits, *work);
  }
  std::vector<double> out;
  for (std::size_t pair = 0; pair < pair_count(all.count); ++pair) {
    out.push_back(1 - deficits[pair] / (1.0 * map_width * map_height * all.colours));
  }
  return out;
}

}  // namespace worldshare::verifier
