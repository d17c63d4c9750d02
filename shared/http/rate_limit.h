#pragma once

#include <chrono>
#include <cstddef>
#include <mutex>

namespace worldshare::http {

/// A cap on the bytes per second of all transfers that share it: a token bucket that holds a
/// quarter of a second. Thread-safe.
class RateLimit {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  /// `bytes_per_second`: more than 0.
  explicit RateLimit(double bytes_per_second) : rate_(bytes_per_second) {}

  /// Notes bytes that were moved; how long who moved them waits before the next.
  std::chrono::nanoseconds take(std::size_t bytes, TimePoint now);
  /// So many are moved between two waits at most: a tenth of a second of them.
  std::size_t piece_bytes() const;

 private:
  const double rate_;
  std::mutex mutex_;
  double tokens_ = 0;  // by mutex_; below 0: owed
  TimePoint last_{};   // by mutex_
};

}  // namespace worldshare::http
