#pragma once

#include "verifier/metrics/kernels/lanes.h"

namespace worldshare::verifier::kernels {

/// Of the logarithm: where a binade is cut so that its mantissas lie around 1, and terms of the
/// series that are enough for the type.
template <class Real>
struct LogTraits;
template <>
struct LogTraits<float> {
  static constexpr std::uint32_t kSqrtHalf = 0x3f3504f3;
  static constexpr std::uint32_t kIntegerBits = 0x4b000000;  ///< 2^23: + n reads as 2^23 + n
  static constexpr float kInteger = 8388608.0F;
  static constexpr int kShift = 23;
  static constexpr int kTerms = 5;
};
template <>
struct LogTraits<double> {
  static constexpr std::uint64_t kSqrtHalf = 0x3fe6a09e667f3bcd;
  static constexpr std::uint64_t kIntegerBits = 0x4330000000000000;
  static constexpr double kInteger = 4503599627370496.0;
  static constexpr int kShift = 52;
  static constexpr int kTerms = 9;
};

/// log2(1 + x) of x >= 0 to a few units in the last place of max(1, result), and differences of it.
template <class Isa, class Real>
struct Logarithm {
  using L = Lanes<Isa, Real>;
  using V = typename L::V;
  using U = typename L::U;
  using T = LogTraits<Real>;

  /// log2((1 + z) / (1 - z)) of |z| <= 3 - 2 sqrt 2: the series of the inverse hyperbolic tangent.
  static V series(V z) {
    constexpr double kTwoOverLn2 = 2.8853900817779268147;
    const V square = z * z;
    V sum = L::splat(static_cast<Real>(kTwoOverLn2 / (2 * T::kTerms - 1)));
    for (int k = T::kTerms - 1; k > 0; --k) {
      sum = sum * square + static_cast<Real>(kTwoOverLn2 / (2 * k - 1));
    }
    return sum * z;
  }

  static V of(V x) {
    const V u = x + Real{1};
    const U bits = __builtin_bit_cast(U, u);
    const U exponent = (bits - T::kSqrtHalf) >> T::kShift;
    const V m = __builtin_bit_cast(V, bits - (exponent << T::kShift));
    const V e = __builtin_bit_cast(V, exponent | T::kIntegerBits) - T::kInteger;
    return e + series((m - Real{1}) / (m + Real{1}));
  }

  /// of(a) - of(b), given those, with a relative accuracy however near they are.
  static V difference(V a, V b, V of_a, V of_b) {
    constexpr Real kLargest = static_cast<Real>(0.1715);
    const V z = (a - b) / (a + b + Real{2});
    const V magnitude = z < 0 ? -z : z;
    return magnitude < kLargest ? series(z) : of_a - of_b;
  }
};

/// The bits of a half as a float, without the detour through subnormal floats that stalls.
inline constexpr std::uint32_t kHalfInfinity = 0x7c00;
template <class Isa>
inline float half_to_float(std::uint16_t half) {
  const std::uint32_t magnitude = half & 0x7fffU;
  const std::uint32_t sign = (half & 0x8000U) << 16;
  const std::uint32_t rebias = magnitude >= kHalfInfinity ? 224U << 23 : 112U << 23;
  const auto subnormal =
      __builtin_bit_cast(std::uint32_t, static_cast<float>(static_cast<int>(magnitude)) * 0x1p-24F);
  const std::uint32_t bits = magnitude < 0x400 ? subnormal : (magnitude << 13) + rebias;
  return __builtin_bit_cast(float, bits | sign);
}

template <class Isa>
inline bool is_finite(float value) {
  return (__builtin_bit_cast(std::uint32_t, value) & 0x7f800000U) != 0x7f800000U;
}

inline constexpr float kLargestHalf = 65504.0F;
inline constexpr float kHidden =
    1e-3F;  ///< so little below 0 lies what filters and denoisers leave

/// Nothing of it that would matter is lost when it is clamped to [0, 65504].
template <class Isa>
inline bool is_plain(float value) {
  return value >= -kHidden && value <= kLargestHalf;
}

/// How far a finite sample lies outside of [0, 65504].
template <class Isa>
inline float hidden(float value) {
  const float positive = value > 0.0F ? value : 0.0F;
  return value - (positive < kLargestHalf ? positive : kLargestHalf);
}

/// See PairMetrics::non_finite_mismatches. Never of two that are plain.
template <class Isa>
inline bool differ_in_kind(float a, float b) {
  if (!is_finite<Isa>(a) || !is_finite<Isa>(b)) return a != b && (a == a || b == b);
  const float apart = hidden<Isa>(a) - hidden<Isa>(b);
  const float size_a = a < 0.0F ? -a : a;
  const float size_b = b < 0.0F ? -b : b;
  const float half = (size_a > size_b ? size_a : size_b) / 2;
  const float allowed = half > kHidden ? half : kHidden;
  return apart > allowed || -apart > allowed;
}

}  // namespace worldshare::verifier::kernels
