#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace worldshare::verifier {

/// The inner loop of a convolution for one kind of processor:
/// sums[r * stride + x] += sum over k < count of weights[k * rows + r] * pixels[offsets[k] + x]
/// for r < rows, x < columns, in the order of k.
struct TileKernel {
  std::string_view name;
  int rows = 0;     ///< output channels
  int columns = 0;  ///< neighbouring pixels
  void (*add)(const float* pixels,
              const std::int32_t* offsets,
              int count,
              const float* weights,
              float* sums,
              std::ptrdiff_t stride) = nullptr;
};

/// The fastest one that this processor runs.
const TileKernel& tile_kernel();

/// All of them, whether or not this processor runs them; see tile_kernel().
extern const TileKernel kTileAvx512;
extern const TileKernel kTileAvx2;
extern const TileKernel kTilePortable;

}  // namespace worldshare::verifier
