#pragma once

#include <chrono>
#include <cstdint>

namespace worldshare {

/// Time as a dependency: production uses SystemClock, tests move a fake one.
/// Thread-safe.
class Clock {
 public:
  using TimePoint = std::chrono::system_clock::time_point;
  virtual ~Clock() = default;
  virtual TimePoint now() const = 0;
};

class SystemClock final : public Clock {
 public:
  TimePoint now() const override { return std::chrono::system_clock::now(); }
};

inline std::uint64_t unix_ms(Clock::TimePoint time) {
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count());
}

inline Clock::TimePoint from_unix_ms(std::uint64_t ms) {
  return Clock::TimePoint(std::chrono::milliseconds(ms));
}

}  // namespace worldshare
