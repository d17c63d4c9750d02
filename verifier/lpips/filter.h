#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "verifier/lpips/network.h"
#include "verifier/lpips/tile_kernel.h"

namespace worldshare::verifier {

/// A convolution's weights in the order in which a TileKernel reads them. Immutable.
class Filter {
 public:
  Filter(const Convolution& convolution, const TileKernel& kernel);

  const Convolution& shape() const { return shape_; }
  /// Rows that apply() writes: the output channels up to a multiple of the kernel's rows.
  int padded_rows() const { return blocks_ * kernel_->rows; }
  /// Outputs that apply() computes for `width`: up to a multiple of the kernel's columns.
  int padded_width(int width) const;
  /// max(0, bias + sum) of one row of `width` outputs into padded_rows() rows of `stride` floats,
  /// at least padded_width(width). Samples: see RowWindow.
  void apply(const float* samples,
             std::span<const std::int32_t> offsets,
             int width,
             float* out,
             std::ptrdiff_t stride) const;

 private:
  Convolution shape_;  ///< without its weights
  const TileKernel* kernel_;
  int blocks_;
  int depth_;                   ///< products of one output
  std::vector<float> weights_;  ///< [block][depth][row]
  std::vector<float> bias_;     ///< [padded_rows()]
};

}  // namespace worldshare::verifier
