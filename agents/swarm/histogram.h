#pragma once

#include <array>
#include <chrono>
#include <cstdint>

namespace worldshare::swarm {

/// Durations from a microsecond to hours, each remembered to 3 % of itself, in constant memory. One
/// thread.
class Histogram {
 public:
  void add(std::chrono::microseconds time);
  std::uint64_t count() const { return count_; }
  /// The time that a fraction of what was added did not exceed, at most 3 % too high; 0 when
  /// nothing was added.
  double quantile_ms(double fraction) const;

 private:
  static constexpr unsigned kStepsAnOctave = 24;
  std::array<std::uint64_t, 36 * kStepsAnOctave> buckets_{};
  std::uint64_t count_ = 0;
};

}  // namespace worldshare::swarm
