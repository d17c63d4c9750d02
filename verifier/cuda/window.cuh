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

/// The rows of a band as the downward filter takes them: of the 32 of its k, each four neighbours
/// are 7 rows apart, so that a window of 11 covers at most two of them and the matrix is sparse.
/// The first kDownRows are the rows 0 to 27; the others have no weight.
__device__ constexpr int down_row(int k) { return k / 8 + 7 * (k % 4) + 4 * (k / 4 % 2); }
inline constexpr int kDownRows = 28;

/// The matrices of one lane.
struct Window {
  std::uint32_t down_high[4];  ///< A: 16 rows from 32, w[down_row(k) - m], sparse
  std::uint32_t down_low[4];
  std::uint32_t down_places = 0;
  std::uint32_t across_high[2][2];  ///< B: 8 columns from 16, w[k - n]; both orders of the eights
  std::uint32_t across_low[2][2];
  std::uint32_t tail_high;  ///< B: the last 8 columns of 24
  std::uint32_t tail_low;

  __device__ explicit Window(int lane) {
    const int g = lane / 4;
    const int t = lane % 4;
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const int m = g + 8 * (i % 2);
      const int group = 4 * (t + 4 * (i / 2));
      const int tap = group < kDownRows ? down_row(group + first_of(m, group)) - m : kTaps;
      down_high[i] = weights(kWeightHigh, tap, tap + 7);
      down_low[i] = weights(kWeightLow, tap, tap + 7);
      pin(down_high[i]);
      pin(down_low[i]);
    }
#pragma unroll
    for (int i = 0; i < 8; ++i) {
      const auto first =
          static_cast<std::uint32_t>(first_of(g + 8 * (i / 4), 4 * (i % 4 + 4 * (t % 2))));
      down_places |= (first | (first + 1) << 2U) << (4U * static_cast<std::uint32_t>(i));
    }
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const int tap = 8 * (i % 2 ^ i / 2) + 2 * t - g;
      across_high[i / 2][i % 2] = weights(kWeightHigh, tap, tap + 1);
      across_low[i / 2][i % 2] = weights(kWeightLow, tap, tap + 1);
      pin(across_high[i / 2][i % 2]);
      pin(across_low[i / 2][i % 2]);
    }
    tail_high = weights(kWeightHigh, 16 + 2 * t - g, 17 + 2 * t - g);
    tail_low = weights(kWeightLow, 16 + 2 * t - g, 17 + 2 * t - g);
  }

  /// Adds the columns' filter of 32 rows of 8 columns, given as halves, in the order of down_row().
  __device__ void down(Accumulator& sum, const std::uint32_t (&rows)[4]) const {
    mma_sparse_k32(sum, down_low, down_places, rows, sum);
    mma_sparse_k32(sum, down_high, down_places, rows, sum);
  }
  /// The same of values that are themselves the low parts of others.
  __device__ void down_small(Accumulator& sum, const std::uint32_t (&rows)[4]) const {
    mma_sparse_k32(sum, down_high, down_places, rows, sum);
  }

 private:
  /// Which two of a group of four row m takes: this one and the next.
  static __device__ int first_of(int m, int group) {
    const int row = down_row(group);
    return m <= row ? 0 : min((m - row + 6) / 7, 2);
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
                       const Accumulator& start,
                       Accumulator& out) {
    // The place of this parity holds the older columns.
    const auto& across_high = window.across_high[kParity];
    const auto& across_low = window.across_low[kParity];
    mma_k16(out, low, across_high[0], across_high[1], start);
    mma_k16(out, high, across_low[0], across_low[1], out);
    mma_k16(out, high, across_high[0], across_high[1], out);
    std::uint32_t new_high[2];
    std::uint32_t new_low[2];
    split(columns.v[0], columns.v[1], new_high[0], new_low[0]);
    split(columns.v[2], columns.v[3], new_high[1], new_low[1]);
    mma_k8(out, new_low, window.tail_high, out);
    mma_k8(out, new_high, window.tail_low, out);
    mma_k8(out, new_high, window.tail_high, out);
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      high[2 * kParity + i] = new_high[i];
      low[2 * kParity + i] = new_low[i];
    }
  }
};

}  // namespace worldshare::verifier::cuda
