#pragma once

#include "verifier/cuda/staging.cuh"
#include "verifier/cuda/window.cuh"

/// From staged samples to SSIM: what one warp does with 8 columns of its channel.
namespace worldshare::verifier::cuda {

/// The squares of 32 x 8 halves as the sum of two halves each. `low` is what the values lack, if
/// anything.
__device__ inline void square(const std::uint32_t (&v)[4],
                              std::uint32_t (&high)[4],
                              std::uint32_t (&low)[4]) {
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    const __half2 x = halves(v[i]);
    const __half2 h = __hmul2(x, x);
    high[i] = bits(h);
    low[i] = bits(__hfma2(x, x, __hneg2(h)));
  }
}
__device__ inline void square(const std::uint32_t (&v)[4],
                              const std::uint32_t (&rest)[4],
                              std::uint32_t (&high)[4],
                              std::uint32_t (&low)[4]) {
  square(v, high, low);
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    const __half2 twice = __hadd2(halves(v[i]), halves(v[i]));
    low[i] = bits(__hfma2(twice, halves(rest[i]), halves(low[i])));
  }
}

template <int kParity>
__device__ inline void push_exact(Filter& filter,
                                  const Window& window,
                                  const std::uint32_t (&v)[4],
                                  Accumulator& out) {
  Accumulator columns;
  window.down(columns, v);
  filter.template push<kParity>(window, columns, 0.0F, out);
}
template <int kParity>
__device__ inline void push_split(Filter& filter,
                                  const Window& window,
                                  const std::uint32_t (&high)[4],
                                  const std::uint32_t (&low)[4],
                                  float start,
                                  Accumulator& out) {
  Accumulator columns;
  window.down_small(columns, low);
  window.down(columns, high);
  filter.template push<kParity>(window, columns, start, out);
}

struct Constants {
  float c1;
  float c2;
  float centre;  // what was taken off each picture
};

__device__ inline float reciprocal(float v) {
  float r;
  asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(r) : "f"(v));
  return r;
}

/// 1 - SSIM from the filtered s, d, s^2, d^2.
template <bool kExact>
struct Similarity {
  Filter s, d, ss, dd;

  /// Takes 8 columns; adds up to 4 results to `sum` where `ok`, all when `kAll`.
  template <bool kAll, int kParity>
  __device__ void step(const Window& window,
                       const __half* rows,
                       int column,
                       const Constants& constants,
                       const bool (&ok)[4],
                       float& sum) {
    constexpr int kPlane = kColours * kRows * kPitch;
    Accumulator f[4];
    std::uint32_t v[4];
    std::uint32_t rest[4];
    std::uint32_t high[4];
    std::uint32_t low[4];
    load_transposed(v, rows + column);
    if constexpr (kExact) {
      square(v, high, low);
      push_exact<kParity>(s, window, v, f[0]);
    } else {
      load_transposed(rest, rows + 2 * kPlane + column);
      square(v, rest, high, low);
      push_split<kParity>(s, window, v, rest, 0.0F, f[0]);
    }
    push_split<kParity>(ss, window, high, low, 2 * constants.c2, f[2]);
    load_transposed(v, rows + kPlane + column);
    if constexpr (kExact) {
      square(v, high, low);
      push_exact<kParity>(d, window, v, f[1]);
    } else {
      load_transposed(rest, rows + 3 * kPlane + column);
      square(v, rest, high, low);
      push_split<kParity>(d, window, v, rest, 0.0F, f[1]);
    }
    push_split<kParity>(dd, window, high, low, 0.0F, f[3]);
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      // With m = ms^2 + 2 C1, q = md^2, v = vs + 2 C2: 1 - (m - q)(v - vd) / ((m + q)(v + vd)).
      const float ms = f[0].v[i] + 2 * constants.centre;
      const float q = f[1].v[i] * f[1].v[i];
      const float m = fmaf(ms, ms, 2 * constants.c1);
      const float vs = fmaf(-f[0].v[i], f[0].v[i], f[2].v[i]);
      const float vd = f[3].v[i] - q;
      float n = fmaf(m, vd, q * vs);
      if constexpr (!kAll) n = ok[i] ? n : 0.0F;
      sum = fmaf(n, reciprocal((m + q) * (vs + vd)), sum);
    }
  }
  /// What `sum` holds is this part of 1 - SSIM.
  static constexpr double kShare = 0.5;
};

template <class T>
__device__ inline Constants constants_of() {
  const float scale = kIsByte<T> ? 255.0F : kFloatScale;
  return {0.01F * scale * 0.01F * scale, 0.03F * scale * 0.03F * scale, scale / 2};
}

}  // namespace worldshare::verifier::cuda
