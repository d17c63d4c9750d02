#include "verifier/metrics/differences.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>

namespace worldshare::verifier {
namespace {

double psnr_of(double relative_mse) {
  return relative_mse == 0 ? std::numeric_limits<double>::infinity()
                           : -10 * std::log10(relative_mse);
}

std::uint32_t blocks(std::uint32_t pixels, std::uint32_t side) {
  return (pixels + side - 1) / side;
}

}  // namespace

Differences::Differences(const kernels::Kernels& kernels, const kernels::Replicas& all)
    : all_(all) {
  sums_.blocks_x = blocks(all.width, kOutlierBlock);
  sums_.blocks_y = blocks(all.height, kOutlierBlock);
  sums_.noise_x = all.width / kNoiseBlock;
  sums_.noise_y = all.height / kNoiseBlock;
  const std::size_t count = pair_count(all.count) * sums_.blocks_x * sums_.blocks_y;
  squares_.resize(count);
  if (all.channels != all.colours) alpha_squares_.resize(count);
  haar_.resize(std::size_t{all.count} * sums_.noise_x * sums_.noise_y);
  sums_.squares = squares_.data();
  sums_.alpha_squares = alpha_squares_.data();
  sums_.haar = haar_.data();
  const auto work = std::make_unique<kernels::DifferenceWorkspace>();
  for (std::uint32_t x = 0; x < all.width; x += kernels::kDifferenceStrip) {
    const std::uint32_t pixels = std::min(kernels::kDifferenceStrip, all.width - x);
    kernels.difference(all, {x, pixels}, sums_, *work);
  }
}

std::vector<PairMetrics> Differences::figures() const {
  std::vector<PairMetrics> out;
  for (std::size_t a = 0; a < all_.count; ++a) {
    for (std::size_t b = a + 1; b < all_.count; ++b) out.push_back(figures(a, b));
  }
  return out;
}

PairMetrics Differences::figures(std::size_t a, std::size_t b) const {
  const std::size_t pair = pair_index(a, b, all_.count);
  const double samples = 1.0 * all_.width * all_.height * all_.peak * all_.peak;
  PairMetrics out;
  out.psnr_db = psnr_of(total(squares_, pair) / (samples * all_.colours));
  if (!alpha_squares_.empty()) out.alpha_psnr_db = psnr_of(total(alpha_squares_, pair) / samples);
  out.noise_ratio = noise_ratio(a, b);
  out.low_pass_psnr_db = low_pass_psnr(pair);
  out.non_finite_mismatches = sums_.mismatches[pair];
  fill_blocks(pair, out);
  return out;
}

double Differences::total(const std::vector<double>& squares, std::size_t pair) const {
  const std::size_t count = std::size_t{sums_.blocks_x} * sums_.blocks_y;
  const double* first = squares.data() + pair * count;
  if (all_.depth == Depth::kF16 || all_.depth == Depth::kF32) {
    double sum = 0;
    for (std::size_t i = 0; i < count; ++i) sum += first[i];
    return sum;
  }
  std::uint64_t exact = 0;
  for (std::size_t i = 0; i < count; ++i) exact += static_cast<std::uint64_t>(first[i]);
  return static_cast<double>(exact);
}

double Differences::noise_ratio(std::size_t a, std::size_t b) const {
  const std::size_t count = std::size_t{sums_.noise_x} * sums_.noise_y;
  if (count == 0) return 0;
  // Energies are sums of 4 HH^2 over the block's cells and colours.
  const double cells = kNoiseBlock * kNoiseBlock / 4.0;
  const double e = 0.05 * (all_.peak / 255) * (all_.peak / 255) * 4 * cells * all_.colours;
  std::vector<double> ratios(count);
  for (std::size_t i = 0; i < count; ++i) {
    ratios[i] = (haar_[b * count + i] + e) / (haar_[a * count + i] + e);
  }
  const auto median = ratios.begin() + static_cast<std::ptrdiff_t>((count - 1) / 2);
  std::ranges::nth_element(ratios, median);
  return std::log2(*median);
}

double Differences::low_pass_psnr(std::size_t pair) const {
  const std::size_t count =
      std::size_t{all_.width / kLowPassBlock} * (all_.height / kLowPassBlock) * all_.colours;
  if (count == 0) return psnr_of(0);
  const double scale = all_.peak * kLowPassBlock * kLowPassBlock;
  return psnr_of(sums_.low_pass[pair] / (static_cast<double>(count) * scale * scale));
}

void Differences::fill_blocks(std::size_t pair, PairMetrics& out) const {
  const double* square = squares_.data() + pair * sums_.blocks_x * sums_.blocks_y;
  double worst = 0;
  for (std::uint32_t y = 0; y < sums_.blocks_y; ++y) {
    const std::uint32_t high = std::min(kOutlierBlock, all_.height - y * kOutlierBlock);
    for (std::uint32_t x = 0; x < sums_.blocks_x; ++x) {
      const std::uint32_t wide = std::min(kOutlierBlock, all_.width - x * kOutlierBlock);
      const double error = *square++ / (1.0 * wide * high * all_.colours * all_.peak * all_.peak);
      out.block_errors.push_back(static_cast<float>(error));
      if (error <= worst) continue;
      worst = error;
      out.worst_block_x = x;
      out.worst_block_y = y;
    }
  }
  out.worst_block_psnr_db = psnr_of(worst);
}

Spread Differences::spread() const {
  Spread out;
  const double samples = 1.0 * all_.width * all_.height * all_.colours * all_.peak * all_.peak;
  for (std::size_t pair = 0; pair < pair_count(all_.count); ++pair) {
    out.mse = std::max(out.mse, total(squares_, pair) / samples);
  }
  // Coded logarithms are not negative.
  out.largest = std::max(out.largest, sums_.largest + (all_.log ? -0.5 : 0.5));
  return out;
}

}  // namespace worldshare::verifier
