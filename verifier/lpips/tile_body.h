#pragma once

#include "verifier/lpips/tile_kernel.h"

namespace worldshare::verifier {

/// TileKernel::add with vectors of `Lanes` floats; at -O3 all sums stay in registers. Each
/// translation unit that includes this compiles for another processor, so no two of them may use
/// the same parameters, and nothing here may be inline code of the standard library.
template <int Lanes, int Rows>
struct TileBody {
  static constexpr int kVectors = 2;
  static constexpr int kColumns = Lanes * kVectors;
  using Vector __attribute__((vector_size(Lanes * sizeof(float)))) = float;

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
    Vector sum[Rows][kVectors];
    for (int r = 0; r < Rows; ++r) {
      for (int v = 0; v < kVectors; ++v) sum[r][v] = load(sums + r * stride + v * Lanes);
    }
    for (int k = 0; k < count; ++k) {
      const Vector left = load(pixels + offsets[k]);
      const Vector right = load(pixels + offsets[k] + Lanes);
      for (int r = 0; r < Rows; ++r) {
        sum[r][0] += weights[k * Rows + r] * left;
        sum[r][1] += weights[k * Rows + r] * right;
      }
    }
    for (int r = 0; r < Rows; ++r) {
      for (int v = 0; v < kVectors; ++v) {
        __builtin_memcpy(sums + r * stride + v * Lanes, &sum[r][v], sizeof(Vector));
      }
    }
  }
};

}  // namespace worldshare::verifier
