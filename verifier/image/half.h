#pragma once

#include <cmath>
#include <cstdint>

namespace worldshare::verifier {

/// The value of a half (IEEE 754 binary16) of these bits.
inline float from_half(std::uint16_t bits) {
  const int exponent = bits >> 10 & 31;
  const int fraction = bits & 1023;
  float value = std::ldexp(static_cast<float>(fraction), -24);
  if (exponent == 31) value = fraction == 0 ? INFINITY : NAN;
  if (exponent > 0 && exponent < 31) {
    value = std::ldexp(static_cast<float>(1024 + fraction), exponent - 25);
  }
  return (bits & 0x8000) != 0 ? -value : value;
}

}  // namespace worldshare::verifier
