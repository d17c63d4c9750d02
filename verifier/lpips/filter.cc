#include "verifier/lpips/filter.h"

#include <algorithm>

namespace worldshare::verifier {
namespace {

// So many products of a tile that their samples and weights stay in the processor's nearest caches.
constexpr int kDepthStep = 256;

int round_up(int value, int step) { return (value + step - 1) / step * step; }

}  // namespace

Filter::Filter(const Convolution& convolution, const TileKernel& kernel)
    : shape_(convolution),
      kernel_(&kernel),
      blocks_(round_up(convolution.out, kernel.rows) / kernel.rows),
      depth_(convolution.in * convolution.kernel * convolution.kernel),
      weights_(static_cast<std::size_t>(padded_rows()) * static_cast<std::size_t>(depth_)),
      bias_(static_cast<std::size_t>(padded_rows())) {
  std::ranges::copy(convolution.bias, bias_.begin());
  const auto depth = static_cast<std::size_t>(depth_);
  const auto rows = static_cast<std::size_t>(kernel.rows);
  for (std::size_t channel = 0; channel < convolution.bias.size(); ++channel) {
    const auto from = convolution.weight.subspan(channel * depth, depth);
    float* block = weights_.data() + channel / rows * rows * depth;
    for (std::size_t k = 0; k < depth; ++k) block[k * rows + channel % rows] = from[k];
  }
  shape_.weight = {};
  shape_.bias = {};
}

int Filter::padded_width(int width) const { return round_up(width, kernel_->columns); }

void Filter::apply(const float* samples,
                   std::span<const std::int32_t> offsets,
                   int width,
                   float* out,
                   std::ptrdiff_t stride) const {
  for (int row = 0; row < padded_rows(); ++row) {
    std::fill_n(out + row * stride, padded_width(width), bias_[static_cast<std::size_t>(row)]);
  }
  for (int begin = 0; begin < depth_; begin += kDepthStep) {
    const int count = std::min(kDepthStep, depth_ - begin);
    for (int row = 0; row < padded_rows(); row += kernel_->rows) {
      const float* weights = weights_.data() + row * depth_ + begin * kernel_->rows;
      for (int x = 0; x < width; x += kernel_->columns) {
        kernel_->add(samples + x, offsets.data() + begin, count, weights, out + row * stride + x,
                     stride);
      }
    }
  }
  for (int row = 0; row < shape_.out; ++row) {
    for (int x = 0; x < width; ++x) out[row * stride + x] = std::max(0.0F, out[row * stride + x]);
  }
}

}  // namespace worldshare::verifier
