#pragma once

#include <chrono>
#include <map>
#include <mutex>
#include <string>

#include "shared/clock.h"

namespace worldshare::dispatcher {

/// Counts attempts by where they come from, in windows of time, and all of them together, so that
/// nobody guesses or floods. Bounded memory. Thread-safe.
class AttemptLimit {
 public:
  struct Options {
    unsigned each = 30;    ///< attempts of one address in a window
    unsigned all = 1'000;  ///< of everybody together
    std::chrono::seconds window{60};
  };
  AttemptLimit(Options options, const Clock& clock) : options_(options), clock_(clock) {}

  /// Whether one more attempt is let through now.
  bool allow(const std::string& peer);
  /// When the window ends, at the latest.
  std::chrono::seconds window() const { return options_.window; }

 private:
  const Options options_;
  const Clock& clock_;
  std::mutex mutex_;
  Clock::TimePoint until_{};              // by mutex_: the end of this window
  unsigned total_ = 0;                    // by mutex_
  std::map<std::string, unsigned> each_;  // by mutex_: never more than options_.all
};

}  // namespace worldshare::dispatcher
