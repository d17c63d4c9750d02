#pragma once

#include "verifier/lpips/tile_kernel.h"

namespace worldshare::verifier {

/// TileKernel::add with vectors of `kLanes` floats; at -O3 all sums stay in registers. Each
/// translation unit that includes this compiles for another processor, so no two of them may use
/// the same parameters, and nothing here may be inline code of the standard library.
template <int kLanes, int kRows>
struct TileBody {
  static constexpr int kVectors = 2;
  static constexpr int kColumns = kLanes * kVectors;
  typedef float Vector __attribute__((vector_size(kLanes * sizeof(float))));

  static Vector load(const float* from) {
    Vector out;
    __builtin_memcpy(&out, from, sizeof out);
    return out;
  }

  static void add(const float* pixels,
                  const std::int32_t* offsets,
                  int count,
                  const float* weights,
                  float* sums,
                  std::ptrdiff_t stride) {
    Vector sum[kRows][kVectors];
    for (int r = 0; r < kRows; ++r) {
      for (int v = 0; v < kVectors; ++v) sum[r][v] = load(sums + r * stride + v * kLanes);
    }
    for (int k = 0; k < count; ++k) {
      const Vector left = load(pixels + offsets[k]);
      const Vector right = load(pixels + offsets[k] + kLanes);
      for (int r = 0; r < kRows; ++r) {
        sum[r][0] += weights[k * kRows + r] * left;
        sum[r][1] += weights[k * kRows + r] * right;
      }
    }
    for (int r = 0; r < kRows; ++r) {
      for (int v = 0; v < kVectors; ++v) {
        __builtin_memcpy(sums + r * stride + v * kLanes, &sum[r][v], sizeof(Vector));
      }
    }
  }
};

}  // namespace worldshare::verifier
