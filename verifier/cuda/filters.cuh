#pragma once

#include "verifier/cuda/staging.cuh"
#include "verifier/cuda/window.cuh"

/// From staged samples to SSIM: what one warp does with 8 columns of its channel.
namespace worldshare::verifier::cuda {

/// The squares of 32 x 8 values as the sum of two halves each.
struct Squares {
  std::uint32_t high[4];
  std::uint32_t low[4];

  __device__ explicit Squares(const std::uint32_t (&v)[4]) {
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const __half2 x = halves(v[i]);
      const __half2 h = __hmul2(x, x);
      high[i] = bits(h);
      low[i] = bits(__hfma2(x, x, __hneg2(h)));
    }
  }
  /// `rest` is what the values lack.
  __device__ void add(const std::uint32_t (&v)[4], const std::uint32_t (&rest)[4]) {
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const __half2 twice = __hadd2(halves(v[i]), halves(v[i]));
      low[i] = bits(__hfma2(twice, halves(rest[i]), halves(low[i])));
    }
  }

  template <int kParity>
  __device__ void push(const Window& window,
                       Filter& filter,
                       const Accumulator& start,
                       Accumulator& out) const {
    Accumulator columns;
    window.down_small(columns, low);
    window.down(columns, high);
    filter.template push<kParity>(window, columns, start, out);
  }
};

struct Constants {
  float c1;
  float c2;
  float centre;  // what was taken off each picture
};

/// A quantity and its square.
struct Moments {
  Filter value;
  Filter square;

  /// Takes 8 columns of exact values, as loaded for window.down().
  template <int kParity>
  __device__ void push(const Window& window,
                       const std::uint32_t (&v)[4],
                       const Accumulator& start,
                       Accumulator& mean,
                       Accumulator& mean_square) {
    Accumulator columns;
    window.down(columns, v);
    value.template push<kParity>(window, columns, {}, mean);
    Squares squares(v);
    squares.push<kParity>(window, square, start, mean_square);
  }
  /// The same of the sums of two halves.
  template <int kParity>
  __device__ void push(const Window& window,
                       const std::uint32_t (&v)[4],
                       const std::uint32_t (&rest)[4],
                       const Accumulator& start,
                       Accumulator& mean,
                       Accumulator& mean_square) {
    Accumulator columns;
    window.down_small(columns, rest);
    window.down(columns, v);
    value.template push<kParity>(window, columns, {}, mean);
    Squares squares(v);
    squares.add(v, rest);
    squares.push<kParity>(window, square, start, mean_square);
  }
};

/// 1 - SSIM from the filtered s, d, s^2, d^2.
template <bool kExact>
struct Similarity {
  Moments s, d;

  /// Takes 8 columns; adds up to 4 results to `sum` where `ok`, all when `kAll`.
  template <bool kAll, int kParity>
  __device__ void step(const Window& window,
                       const __half* rows,
                       const Constants& constants,
                       const Accumulator& twice_c2,
                       const bool (&ok)[4],
                       float& sum) {
    Accumulator ms, ss, md, dd;
    push<kParity>(s, window, rows, twice_c2, ms, ss);
    push<kParity>(d, window, rows + kPlane, {}, md, dd);
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      // With m = ms^2 + 2 C1, q = md^2, v = vs + 2 C2: 1 - (m - q)(v - vd) / ((m + q)(v + vd)).
      const float whole = ms.v[i] + 2 * constants.centre;
      const float q = md.v[i] * md.v[i];
      const float m = fmaf(whole, whole, 2 * constants.c1);
      const float vs = fmaf(-ms.v[i], ms.v[i], ss.v[i]);
      const float vd = dd.v[i] - q;
      float n = fmaf(m, vd, q * vs);
      if constexpr (!kAll) n = ok[i] ? n : 0.0F;
      sum = fmaf(n, reciprocal((m + q) * (vs + vd)), sum);
    }
  }
  /// What `sum` holds is this part of 1 - SSIM.
  static constexpr double kShare = 0.5;

 private:
  static constexpr int kPlane = kColours * kRows * kPitch;

  template <int kParity>
  static __device__ void push(Moments& of,
                              const Window& window,
                              const __half* rows,
                              const Accumulator& start,
                              Accumulator& mean,
                              Accumulator& mean_square) {
    std::uint32_t v[4];
    load_transposed(v, rows);
    if constexpr (kExact) {
      of.push<kParity>(window, v, start, mean, mean_square);
    } else {
      std::uint32_t rest[4];
      load_transposed(rest, rows + 2 * kPlane);
      of.push<kParity>(window, v, rest, start, mean, mean_square);
    }
  }
};

template <class T>
__device__ inline Constants constants_of() {
  const float scale = kIsByte<T> ? 255.0F : kScale<T>;
  return {0.01F * scale * 0.01F * scale, 0.03F * scale * 0.03F * scale, scale / 2};
}

}  // namespace worldshare::verifier::cuda
