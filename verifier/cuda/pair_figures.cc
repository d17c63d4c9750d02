#include "verifier/cuda/pair_figures.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace worldshare::verifier::cuda {
namespace {

constexpr double kTaps = 11;

/// Of a mean squared error over the squared peak.
double decibels(double error) {
  return error > 0 ? -10 * std::log10(error) : std::numeric_limits<double>::infinity();
}

/// Side of the block that begins at `first`.
double extent(std::uint32_t first, std::uint32_t side) {
  return std::min(kOutlierBlock, side - first);
}

void add_blocks(PairMetrics& out, std::span<const float> blocks, const Shape& shape, double unit) {
  const std::uint32_t columns = (shape.width + kOutlierBlock - 1) / kOutlierBlock;
  float worst = -1;
  out.block_errors.reserve(blocks.size());
  for (std::uint32_t i = 0; i < blocks.size(); ++i) {
    const std::uint32_t x = i % columns;
    const std::uint32_t y = i / columns;
    const double pixels =
        extent(x * kOutlierBlock, shape.width) * extent(y * kOutlierBlock, shape.height);
    const auto error = static_cast<float>(blocks[i] / (pixels * unit));
    out.block_errors.push_back(error);
    if (error <= worst) continue;
    worst = error;
    out.worst_block_x = x;
    out.worst_block_y = y;
  }
  out.worst_block_psnr_db = decibels(worst);
}

}  // namespace

PairMetrics pair_figures(const PairSums& sums, std::span<const float> blocks, const Shape& shape) {
  const double peak = peak_of(shape.depth);
  const double colours = shape.colour_channels();
  const double pixels = static_cast<double>(shape.width) * shape.height;
  const double unit = peak * peak * colours;  // of one pixel's error
  const bool floats = is_float(shape.depth);
  PairMetrics out;
  out.psnr_db =
      decibels((floats ? sums.float_sse : static_cast<double>(sums.sse)) / (pixels * unit));
  if (shape.has_alpha()) {
    const double error = floats ? sums.float_alpha_sse : static_cast<double>(sums.alpha_sse);
    out.alpha_psnr_db = decibels(error / (pixels * peak * peak));
  }
  const double support = (shape.width - (kTaps - 1)) * (shape.height - (kTaps - 1)) * colours;
  out.ssim = 1 - sums.dissimilarity / support;
  out.noise_ratio = std::log2(sums.noise_ratio);
  const double cells =
      static_cast<double>(shape.width / kLowPassBlock) * (shape.height / kLowPassBlock);
  constexpr double kSamples = kLowPassBlock * kLowPassBlock;
  out.low_pass_psnr_db =
      decibels(cells > 0 ? sums.low_pass / (kSamples * kSamples * cells * unit) : 0);
  out.non_finite_mismatches = sums.non_finite_mismatches;
  add_blocks(out, blocks, shape, unit);
  return out;
}

}  // namespace worldshare::verifier::cuda
