#pragma once

#include "verifier/cuda/tensor.cuh"

/// The Gaussian window of SSIM as banded matrices for the tensor cores.
namespace worldshare::verifier::cuda {

inline constexpr int kTaps = 11;

// exp(-(i - 5)^2 / 4.5) over its sum, rounded to multiples of 2^-24 that add up to exactly 1; each
// is the sum of two halves.
__constant__ const std::uint16_t kWeightHigh[kTaps] = {
    0x1436, 0x1fc8, 0x289c, 0x2f00, 0x32d1, 0x3442, 0x32d1, 0x2f00, 0x289c, 0x1fc8, 0x1436};
__constant__ const std::uint16_t kWeightLow[kTaps] = {
    0x0005, 0x8002, 0x80a7, 0x80f0, 0x8078, 0x86a8, 0x8078, 0x80f0, 0x80a7, 0x8002, 0x0005};

__device__ inline std::uint32_t weight(const std::uint16_t (&table)[kTaps], int tap) {
  return tap >= 0 && tap < kTaps ? table[tap] : 0;
}
__device__ inline std::uint32_t weights(const std::uint16_t (&table)[kTaps],
                                        int first,
                                        int second) {
  return weight(table, first) | weight(table, second) << 16;
}

/// The matrices of one lane.
struct Window {
  std::uint32_t down_high[2][4];  ///< A: 16 rows from 32, w[k - m], in two steps of 16
  std::uint32_t down_low[2][4];
  std::uint32_t across_high[3];  ///< B: 8 columns from 24, w[k - n], in three steps of 8
  std::uint32_t across_low[3];

  __device__ explicit Window(int lane) {
    const int g = lane / 4;
    const int t = lane % 4;
#pragma unroll
    for (int i = 0; i < 8; ++i) {
      const int tap = 16 * (i / 4) + 2 * t + 8 * (i % 4 / 2) - (g + 8 * (i % 2));
      down_high[i / 4][i % 4] = weights(kWeightHigh, tap, tap + 1);
      down_low[i / 4][i % 4] = weights(kWeightLow, tap, tap + 1);
    }
#pragma unroll
    for (int i = 0; i < 3; ++i) {
      const int tap = 8 * i + 2 * t - g;
      across_high[i] = weights(kWeightHigh, tap, tap + 1);
      across_low[i] = weights(kWeightLow, tap, tap + 1);
    }
  }

  /// Adds the columns' filter of 32 rows of 8 columns, given as halves.
  __device__ void down(Accumulator& sum, const std::uint32_t (&rows)[4]) const {
    mma_k16(sum, down_low[0], rows[0], rows[1], sum);
    mma_k16(sum, down_low[1], rows[2], rows[3], sum);
    mma_k16(sum, down_high[0], rows[0], rows[1], sum);
    mma_k16(sum, down_high[1], rows[2], rows[3], sum);
  }
  /// The same of values that are themselves the low parts of others.
  __device__ void down_small(Accumulator& sum, const std::uint32_t (&rows)[4]) const {
    mma_k16(sum, down_high[0], rows[0], rows[1], sum);
    mma_k16(sum, down_high[1], rows[2], rows[3], sum);
  }
};

/// One quantity on its way through both filters, 8 columns after 8. Of the columns that are
/// filtered downwards it keeps the last two eights, each in the place of its parity, as left
/// operands.
struct Filter {
  std::uint32_t high[4] = {};
  std::uint32_t low[4] = {};

  /// Takes 8 columns that are filtered downwards; `out` are the 8 results that end with them (they
  /// begin 16 columns before), plus `start`. `kParity` alternates.
  template <int kParity>
  __device__ void push(const Window& window,
                       const Accumulator& columns,
                       float start,
                       Accumulator& out) {
    std::uint32_t new_high[2];
    std::uint32_t new_low[2];
    split(columns.v[0], columns.v[1], new_high[0], new_low[0]);
    split(columns.v[2], columns.v[3], new_high[1], new_low[1]);
    // The place of this parity holds the older columns.
    constexpr int kFirst = kParity == 0 ? 0 : 1;
    constexpr int kSecond = 1 - kFirst;
    out = {{start, start, start, start}};
    mma_k16(out, low, window.across_high[kFirst], window.across_high[kSecond], out);
    mma_k16(out, high, window.across_low[kFirst], window.across_low[kSecond], out);
    mma_k8(out, new_low, window.across_high[2], out);
    mma_k8(out, new_high, window.across_low[2], out);
    mma_k16(out, high, window.across_high[kFirst], window.across_high[kSecond], out);
    mma_k8(out, new_high, window.across_high[2], out);
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      high[2 * kParity + i] = new_high[i];
      low[2 * kParity + i] = new_low[i];
    }
  }
};

}  // namespace worldshare::verifier::cuda
