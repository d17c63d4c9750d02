#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <unordered_map>

#include "shared/clock.h"

namespace worldshare::dispatcher {

/// Token buckets, one for each key: a bucket holds `burst` requests and is filled again with
/// `per_second`. Keys whose bucket is full are forgotten. Thread-safe.
class RateLimiter {
 public:
  struct Limit {
    double per_second = 0;  ///< 0: no limit
    double burst = 0;
  };
  /// How a bucket stands, in requests and whole seconds.
  struct Standing {
    bool allowed = true;
    std::uint32_t limit = 0;  ///< 0: there is none
    std::uint32_t remaining = 0;
    std::uint32_t full_in = 0;   ///< until the bucket is full
    std::uint32_t retry_in = 0;  ///< until this request would be allowed
  };
  explicit RateLimiter(const Clock& clock) : clock_(clock) {}

  /// Takes `cost` requests, or takes nothing and refuses.
  Standing take(const std::string& key, const Limit& limit, double cost = 1);
  Standing look(const std::string& key, const Limit& limit) { return take(key, limit, 0); }
  std::size_t keys() const;

 private:
  struct Bucket {
    double level = 0;
    Clock::TimePoint at;
  };
  void forget_full(const Limit& limit, Clock::TimePoint now);  // with mutex_ held

  const Clock& clock_;
  mutable std::mutex mutex_;
  std::unordered_map<std::string, Bucket> buckets_;  // guarded by mutex_
  std::size_t look_again_at_ = 1'024;                // guarded by mutex_
};

}  // namespace worldshare::dispatcher
