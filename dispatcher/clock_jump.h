#pragma once

#include <chrono>
#include <optional>
#include <utility>

#include "shared/clock.h"

namespace worldshare::dispatcher {

/// Notices that somebody set the clock: what was noted by it before means something else since.
class ClockJump {
 public:
  explicit ClockJump(const Clock& clock) : clock_(clock), ahead_(ahead()) {}

  /// By how much the clock jumped (forwards: positive) since this was asked last, when it did.
  std::optional<std::chrono::seconds> noticed() {
    const auto before = std::exchange(ahead_, ahead());
    const auto by = std::chrono::round<std::chrono::seconds>(ahead_ - before);
    return std::chrono::abs(by) < kLeast ? std::nullopt : std::optional(by);
  }

 private:
  using Duration = std::chrono::nanoseconds;
  static constexpr std::chrono::seconds kLeast{2};

  /// Of a clock that nobody sets.
  Duration ahead() const {
    return Duration(clock_.now().time_since_epoch()) -
           Duration(std::chrono::steady_clock::now().time_since_epoch());
  }

  const Clock& clock_;
  Duration ahead_;
};

}  // namespace worldshare::dispatcher
