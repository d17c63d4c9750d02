#pragma once

#include "verifier/cuda/staging.cuh"

/// Staging of 16-bit and float pictures: values are split into two halves each.
namespace worldshare::verifier::cuda {

/// Two samples as they are compared.
struct Coded {
  float a;  ///< peak 1, or 65535 for integers
  float b;
  float s;  ///< a + b, times kScale and centred
  float d;  ///< a - b, times kScale
};

template <class Coding, class T>
__device__ Coded coded(T raw_a, T raw_b) {
  if constexpr (kIsInteger<T>) {
    const float a = as_float(raw_a);
    const float b = as_float(raw_b);
    constexpr float kUnit = kScale<T> / 65535.0F;
    return {a, b, fmaf(a + b, kUnit, -kScale<T>), (a - b) * kUnit};
  } else {
    const Codes codes = Coding::of(as_float(raw_a), as_float(raw_b));
    return {codes.a, codes.b, fmaf(codes.a + codes.b, kScale<T>, -kScale<T>),
            codes.difference * kScale<T>};
  }
}

/// What one thread's pixels add to the figures.
template <class T>
struct FloatFigures {
  float energy[2] = {};
  float low_pass = 0;
  std::uint64_t exact[2] = {};  ///< integers: colour, alpha
  float inexact[2] = {};        ///< floats
  std::uint32_t mismatches = 0;

  __device__ void add_error(T a, T b, const Coded& v, bool alpha) {
    if constexpr (kIsInteger<T>) {
      const auto d = static_cast<std::int32_t>(a) - static_cast<std::int32_t>(b);
      const auto size = static_cast<std::uint32_t>(d < 0 ? -d : d);
      exact[alpha] += std::uint64_t{size} * size;
    } else {
      inexact[alpha] = fmaf(v.d, v.d, inexact[alpha]);
    }
  }

  /// One channel's two rows of four pixels.
  __device__ void add_colour(const Coded (&upper)[4], const Coded (&lower)[4]) {
    float sum[2] = {};
#pragma unroll
    for (int x = 0; x < 4; x += 2) {
      const float of_a = (upper[x].a - upper[x + 1].a) - (lower[x].a - lower[x + 1].a);
      const float of_b = (upper[x].b - upper[x + 1].b) - (lower[x].b - lower[x + 1].b);
      energy[0] = fmaf(of_a, of_a, energy[0]);
      energy[1] = fmaf(of_b, of_b, energy[1]);
    }
    // Sums of integers are exact, so their difference may be taken before or after; floats want it
    // before.
    if constexpr (kIsInteger<T>) {
#pragma unroll
      for (int x = 0; x < 4; ++x) sum[0] += (upper[x].a - upper[x].b) + (lower[x].a - lower[x].b);
    } else {
#pragma unroll
      for (int x = 0; x < 4; ++x) sum[0] += upper[x].d + lower[x].d;
    }
    const float d = block_sum(sum[0]);
    low_pass = fmaf(d, d, low_pass);
  }

  template <bool kAlpha>
  __device__ void finish(const Band& band, Errors<T>& total) const {
    band.write_energies(energy[0], energy[1]);
    typename Errors<T>::Sum colour;
    if constexpr (kIsInteger<T>) {
      colour = exact_sum(exact[0]);
      if (kAlpha) total.alpha += exact_sum(exact[1]);
    } else {
      constexpr double kUnit = 1.0 / (double{kScale<T>} * kScale<T>);
      colour = tree_sum(inexact[0]) * kUnit;
      if (kAlpha) total.alpha += tree_sum(inexact[1]) * kUnit;
      total.mismatches += __reduce_add_sync(~0U, mismatches);
    }
    total.colour += colour;
    const float low = tree_sum(band.counts_low_pass ? low_pass : 0.0F);
    total.low_pass +=
        static_cast<double>(low) * (kIsInteger<T> ? 1.0 : 1.0 / (double{kScale<T>} * kScale<T>));
    if (band.sse != nullptr) *band.sse = static_cast<float>(colour);
  }
};

template <int C, class T>
__device__ void store_coded(
    Chunk<C, T>& chunk, const Coded (&v)[4], int channel, int row, int column) {
  std::uint32_t s[2], s_rest[2], d[2], d_rest[2];
#pragma unroll
  for (int i = 0; i < 2; ++i) {
    split(v[2 * i].s, v[2 * i + 1].s, s[i], s_rest[i]);
    split(v[2 * i].d, v[2 * i + 1].d, d[i], d_rest[i]);
  }
  store4(&chunk.planes[0][channel][row][column], s[0], s[1]);
  store4(&chunk.planes[1][channel][row][column], d[0], d[1]);
  store4(&chunk.planes[2][channel][row][column], s_rest[0], s_rest[1]);
  store4(&chunk.planes[3][channel][row][column], d_rest[0], d_rest[1]);
}

/// Infinities and NaN read as 0; counts where the pictures differ in what is not compared. Rare.
template <int C, class T>
__device__ std::uint32_t settle_kinds(FourPixels<T, C>& a, FourPixels<T, C>& b) {
  std::uint32_t mismatches = 0;
#pragma unroll
  for (int i = 0; i < 4 * C; ++i) {
    mismatches += differ_in_kind(as_float(a.sample(i / C, i % C)), as_float(b.sample(i / C, i % C)))
                      ? 1U
                      : 0U;
  }
  a.drop_non_finite();
  b.drop_non_finite();
  return mismatches;
}

/// As for bytes.
template <class Coding, int C, class T>
__device__ void stage(
    Chunk<C, T>& chunk, const Place& place, const Band& band, Errors<T>& total, bool counts) {
  FloatFigures<T> figures;
  FourPixels<T, C> pixels[2][2];
#pragma unroll
  for (int r = 0; r < 2; ++r) {
#pragma unroll
    for (int k = 0; k < 2; ++k) {
      pixels[r][k].load(
          &chunk.raw[k][place.row + r][place.column * C * static_cast<int>(sizeof(T))]);
    }
  }
  if constexpr (!kIsInteger<T>) {
    if (pixels[0][0].may_differ_in_kind(pixels[0][1]) ||
        pixels[1][0].may_differ_in_kind(pixels[1][1])) {
#pragma unroll
      for (int r = 0; r < 2; ++r) {
        figures.mismatches += settle_kinds(pixels[r][0], pixels[r][1]);
      }
    }
  }
#pragma unroll
  for (int c = 0; c < C; ++c) {
    Coded v[2][4];
#pragma unroll
    for (int r = 0; r < 2; ++r) {
#pragma unroll
      for (int x = 0; x < 4; ++x) {
        const T a = pixels[r][0].sample(x, c);
        const T b = pixels[r][1].sample(x, c);
        v[r][x] = coded<Coding>(a, b);
        if (counts) figures.add_error(a, b, v[r][x], c >= kColours);
      }
      if (c < kColours) store_coded(chunk, v[r], c, place.row + r, place.column);
    }
    if (counts && c < kColours) figures.add_colour(v[0], v[1]);
  }
  if (counts) figures.template finish<(C > kColours)>(band, total);
}

}  // namespace worldshare::verifier::cuda
