#pragma once

#include "verifier/metrics/kernels/coding.h"
#include "verifier/metrics/kernels/kernels.h"

namespace worldshare::verifier::kernels {

/// Reads pixels as the metrics compare them.
template <class Isa>
struct Rows {
  /// Colours of `pixels` pixels that have alpha, which is left out; `to` needs 16 bytes more.
  template <class T>
  static void drop_alpha(const T* from, std::uint32_t colours, std::uint32_t pixels, T* to) {
    if (colours == 3) return drop_fourth(from, pixels, to);
    for (std::uint32_t x = 0; x < pixels; ++x) to[x] = from[2 * x];
  }

  template <class T>
  static void take_alpha(const T* from, std::uint32_t channels, std::uint32_t pixels, T* to) {
    for (std::uint32_t x = 0; x < pixels; ++x) to[x] = from[x * channels + channels - 1];
  }

  static void widen(const std::uint8_t* from, std::size_t count, float* to) {
    for (std::size_t i = 0; i < count; ++i) to[i] = from[i];
  }
  static void widen(const std::uint16_t* from, std::size_t count, float* to) {
    for (std::size_t i = 0; i < count; ++i) to[i] = from[i];
  }
  static void widen_half(const std::uint16_t* from, std::size_t count, float* to) {
    for (std::size_t i = 0; i < count; ++i) to[i] = half_to_float<Isa>(from[i]);
  }

  /// What is not finite becomes 0, and with `log` the rest is clamped to [0, 65504].
  static void clean(float* values, std::size_t count, bool log) {
    for (std::size_t i = 0; i < count; ++i)
      values[i] = is_finite<Isa>(values[i]) ? values[i] : 0.0F;
    if (!log) return;
    for (std::size_t i = 0; i < count; ++i) {
      const float positive = values[i] > 0.0F ? values[i] : 0.0F;
      values[i] = positive < kLargestHalf ? positive : kLargestHalf;
    }
  }

  /// `colours` pixels' samples as floats, alpha left out, neither cleaned nor coded.
  static void load(const Replicas& all,
                   const std::byte* pixel,
                   std::uint32_t pixels,
                   std::byte* packed,
                   float* to) {
    const std::size_t count = std::size_t{pixels} * all.colours;
    switch (all.depth) {
      case Depth::kU8: return widen(pack<std::uint8_t>(all, pixel, pixels, packed), count, to);
      case Depth::kU16: return widen(pack<std::uint16_t>(all, pixel, pixels, packed), count, to);
      case Depth::kF16:
        return widen_half(pack<std::uint16_t>(all, pixel, pixels, packed), count, to);
      case Depth::kF32:
        __builtin_memcpy(to, pack<float>(all, pixel, pixels, packed), count * sizeof(float));
    }
  }

  static void load_alpha(const Replicas& all,
                         const std::byte* pixel,
                         std::uint32_t pixels,
                         std::byte* packed,
                         float* to) {
    const auto take = [&]<class T>(T* scratch) {
      take_alpha(reinterpret_cast<const T*>(pixel), all.channels, pixels, scratch);
      return scratch;
    };
    switch (all.depth) {
      case Depth::kU8: return widen(take(reinterpret_cast<std::uint8_t*>(packed)), pixels, to);
      case Depth::kU16: return widen(take(reinterpret_cast<std::uint16_t*>(packed)), pixels, to);
      case Depth::kF16:
        return widen_half(take(reinterpret_cast<std::uint16_t*>(packed)), pixels, to);
      case Depth::kF32: take(to);
    }
  }

  /// Rows of a strip lie on different pages, which the processor does not fetch ahead by itself.
  static void fetch_ahead(const Replicas& all, const std::byte* pixel, std::uint32_t pixels) {
    constexpr std::size_t kRowsAhead = 8;
    constexpr std::size_t kLine = 64;
    const std::byte* from = pixel + kRowsAhead * all.stride;
    const std::size_t bytes = pixels * pixel_bytes(all);
    for (std::size_t i = 0; i < bytes + kLine; i += kLine) __builtin_prefetch(from + i);
  }

  static bool is_float(const Replicas& all) {
    return all.depth == Depth::kF16 || all.depth == Depth::kF32;
  }
  static std::size_t pixel_bytes(const Replicas& all) {
    const std::size_t sample = all.depth == Depth::kU8 ? 1 : all.depth == Depth::kF32 ? 4 : 2;
    return sample * all.channels;
  }

 private:
  template <class T>
  static void drop_fourth(const T* from, std::uint32_t pixels, T* to) {
    using V __attribute__((vector_size(16))) = T;
    constexpr std::uint32_t kPixels = 16 / (4 * sizeof(T));
    std::uint32_t x = 0;
    for (; x + kPixels <= pixels; x += kPixels) {
      V four;
      __builtin_memcpy(&four, from + 4 * x, sizeof(V));
      four = without_fourths(four);
      __builtin_memcpy(to + 3 * x, &four, sizeof(V));
    }
    for (; x < pixels; ++x) {
      for (std::uint32_t c = 0; c < 3; ++c) to[3 * x + c] = from[4 * x + c];
    }
  }
  using Bytes16 __attribute__((vector_size(16))) = std::uint8_t;
  using Words8 __attribute__((vector_size(16))) = std::uint16_t;
  using Floats4 __attribute__((vector_size(16))) = float;
  static Bytes16 without_fourths(Bytes16 v) {
    return __builtin_shufflevector(v, v, 0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, 0, 0, 0, 0);
  }
  static Words8 without_fourths(Words8 v) {
    return __builtin_shufflevector(v, v, 0, 1, 2, 4, 5, 6, 0, 0);
  }
  static Floats4 without_fourths(Floats4 v) { return v; }

  template <class T>
  static const T* pack(const Replicas& all,
                       const std::byte* pixel,
                       std::uint32_t pixels,
                       std::byte* packed) {
    const T* from = reinterpret_cast<const T*>(pixel);
    if (all.colours == all.channels) return from;
    T* to = reinterpret_cast<T*>(packed);
    drop_alpha(from, all.colours, pixels, to);
    return to;
  }
};

}  // namespace worldshare::verifier::kernels
