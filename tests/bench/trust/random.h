#pragma once

#include <cmath>
#include <cstdint>
#include <numbers>

namespace trust_bench {

/// SplitMix64 (Steele, Lea and Flood, 2014): one step of it, as a hash too.
inline std::uint64_t mixed(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

inline double to_unit(std::uint64_t bits) { return static_cast<double>(bits >> 11) * 0x1p-53; }

/// The same numbers for the same seed on every machine.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(mixed(seed)) {}

  double uniform() { return to_unit(next()); }
  bool chance(double p) { return p > 0 && uniform() < p; }
  /// Uniform in [0, below); `below` is not 0.
  std::uint32_t index(std::size_t below) {
    return static_cast<std::uint32_t>(uniform() * static_cast<double>(below));
  }
  /// Mean 1.
  double lognormal(double sigma) { return std::exp(sigma * normal() - sigma * sigma / 2); }
  /// At least 1.
  std::uint32_t geometric(double mean) {
    return 1 + static_cast<std::uint32_t>(std::log(1 - uniform()) / std::log(1 - 1 / mean));
  }

 private:
  std::uint64_t next() {
    state_ += 0x9e3779b97f4a7c15;
    return mixed(state_);
  }
  double normal() {
    const double radius = std::sqrt(-2 * std::log(1 - uniform()));
    return radius * std::cos(2 * std::numbers::pi * uniform());
  }
  std::uint64_t state_;
};

}  // namespace trust_bench
