#include "verifier/lpips/tap_distance.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace worldshare::verifier {

TapDistance::TapDistance(std::span<const float> linear, int width, std::size_t replicas)
    : linear_(linear.begin(), linear.end()),
      width_(static_cast<std::size_t>(width)),
      scales_(replicas, std::vector<double>(width_)),
      scratch_(width_),
      sums_(replicas * (replicas - 1) / 2) {}

void TapDistance::add(std::span<const std::span<const float>> rows) {
  const std::size_t row_floats = linear_.size() * width_;
  std::vector<std::span<const float>> row(rows.size());
  for (std::size_t at = 0; at < rows[0].size(); at += row_floats) {
    std::ranges::transform(rows, row.begin(),
                           [&](auto all) { return all.subspan(at, row_floats); });
    add_row(row);
  }
}

void TapDistance::add_row(std::span<const std::span<const float>> row) {
  for (std::size_t i = 0; i < row.size(); ++i) measure_lengths(row[i], scales_[i]);
  std::size_t pair = 0;
  for (std::size_t a = 0; a < row.size(); ++a) {
    for (std::size_t b = a + 1; b < row.size(); ++b) sums_[pair++] += difference(row, a, b);
  }
  pixels_ += static_cast<double>(width_);
}

void TapDistance::measure_lengths(std::span<const float> row, std::span<double> scales) const {
  std::ranges::fill(scales, 0.0);
  for (std::size_t c = 0; c < linear_.size(); ++c) {
    const float* values = row.data() + c * width_;
    for (std::size_t x = 0; x < width_; ++x) scales[x] += double{values[x]} * values[x];
  }
  for (double& scale : scales) scale = 1 / (std::sqrt(scale) + kLengthEpsilon);
}

double TapDistance::difference(std::span<const std::span<const float>> row,
                               std::size_t a,
                               std::size_t b) {
  std::ranges::fill(scratch_, 0.0);
  for (std::size_t c = 0; c < linear_.size(); ++c) {
    const float* left = row[a].data() + c * width_;
    const float* right = row[b].data() + c * width_;
    for (std::size_t x = 0; x < width_; ++x) {
      const double d = left[x] * scales_[a][x] - right[x] * scales_[b][x];
      scratch_[x] += linear_[c] * d * d;
    }
  }
  return std::accumulate(scratch_.begin(), scratch_.end(), 0.0);
}

std::vector<double> TapDistance::mean() const {
  std::vector<double> out(sums_);
  for (double& sum : out) sum /= pixels_;
  return out;
}

}  // namespace worldshare::verifier
