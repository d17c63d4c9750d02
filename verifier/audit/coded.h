#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "verifier/image/half.h"
#include "verifier/image/picture.h"

namespace worldshare::verifier {

inline constexpr double kLevel = 1.0 / 255;  ///< a step that just shows
inline constexpr float kLargestHalf = 65504;

/// Linear light as log2(1 + x), x clamped to [0, 65504]; what is not finite reads as 0.
inline double coded(float linear) {
  return std::isfinite(linear) ? std::log2(1.0F + std::clamp(linear, 0.0F, kLargestHalf)) : 0;
}

/// A sample of a float picture as it is.
inline float linear_at(const Picture& picture,
                       std::uint32_t x,
                       std::uint32_t y,
                       std::size_t channel) {
  const std::size_t at = std::size_t{x} * picture.shape().channels + channel;
  return picture.shape().depth == Depth::kF16 ? from_half(picture.row<std::uint16_t>(y)[at])
                                              : picture.row<float>(y)[at];
}

/// Whether two samples differ in what coded() hides, as PairMetrics::non_finite_mismatches counts.
inline bool differ_in_kind(float a, float b) {
  if (!std::isfinite(a) || !std::isfinite(b)) return a != b && !(std::isnan(a) && std::isnan(b));
  const float hidden_a = a - std::clamp(a, 0.0F, kLargestHalf);
  const float hidden_b = b - std::clamp(b, 0.0F, kLargestHalf);
  const float allowed = std::max(1e-3F, std::max(std::abs(a), std::abs(b)) / 2);
  return std::abs(hidden_a - hidden_b) > allowed;
}

/// A sample of a picture: of integers the share of their peak, of floats coded().
inline double value_at(const Picture& picture,
                       std::uint32_t x,
                       std::uint32_t y,
                       std::size_t channel) {
  const std::size_t at = std::size_t{x} * picture.shape().channels + channel;
  switch (picture.shape().depth) {
    case Depth::kU8: return picture.row<std::uint8_t>(y)[at] / 255.0;
    case Depth::kU16: return picture.row<std::uint16_t>(y)[at] / 65535.0;
    case Depth::kF16:
    case Depth::kF32: return coded(linear_at(picture, x, y, channel));
  }
  return 0;
}

}  // namespace worldshare::verifier
