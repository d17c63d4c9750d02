#pragma once

#include <algorithm>
#include <chrono>
#include <stop_token>

#include "shared/crypto.h"
#include "shared/signals.h"

namespace worldshare::agent {

/// Waits between tries: 0.2 s, doubling to `longest`, each jittered by half so that a farm does not
/// knock in step.
class Backoff {
 public:
  explicit Backoff(std::chrono::milliseconds longest = std::chrono::seconds(10))
      : longest_(longest) {}
  /// False when `stop` was requested meanwhile.
  bool wait(std::stop_token stop) {
    const auto half = static_cast<std::uint64_t>(next_.count() / 2);
    const std::chrono::milliseconds time(half + random_below(half + 1));
    next_ = std::min(next_ * 2, longest_);
    return sleep_unless_stopped(std::move(stop), time);
  }

 private:
  std::chrono::milliseconds longest_;
  std::chrono::milliseconds next_{200};
};

}  // namespace worldshare::agent
