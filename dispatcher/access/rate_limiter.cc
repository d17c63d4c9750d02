#include "dispatcher/access/rate_limiter.h"

#include <algorithm>
#include <cmath>

namespace worldshare::dispatcher {
namespace {

double level_at(double level, double seconds, const RateLimiter::Limit& limit) {
  return std::min(limit.burst, level + std::max(0.0, seconds) * limit.per_second);
}

double seconds_between(Clock::TimePoint from, Clock::TimePoint to) {
  return std::chrono::duration<double>(to - from).count();
}

std::uint32_t whole_seconds(double seconds) {
  return static_cast<std::uint32_t>(std::ceil(std::max(0.0, seconds)));
}

}  // namespace

RateLimiter::Standing RateLimiter::take(const std::string& key, const Limit& limit, double cost) {
  Standing standing;
  if (limit.per_second <= 0) return standing;
  const auto now = clock_.now();
  const std::lock_guard lock(mutex_);
  if (buckets_.size() >= look_again_at_) forget_full(limit, now);
  auto [entry, is_new] = buckets_.try_emplace(key, Bucket{limit.burst, now});
  Bucket& bucket = entry->second;
  bucket.level = level_at(bucket.level, seconds_between(bucket.at, now), limit);
  bucket.at = now;
  standing.allowed = bucket.level >= cost;
  if (standing.allowed) bucket.level -= cost;
  standing.limit = static_cast<std::uint32_t>(limit.burst);
  standing.remaining = static_cast<std::uint32_t>(bucket.level);
  standing.full_in = whole_seconds((limit.burst - bucket.level) / limit.per_second);
  standing.retry_in =
      standing.allowed ? 0 : std::max(1U, whole_seconds((cost - bucket.level) / limit.per_second));
  return standing;
}

/// Keys of several limits live together; a bucket that has not been asked for so long that the
/// smallest of them is full again says nothing any more.
void RateLimiter::forget_full(const Limit& limit, Clock::TimePoint now) {
  const double seconds = std::max(60.0, 2 * limit.burst / limit.per_second);
  std::erase_if(buckets_,
                [&](const auto& entry) { return seconds_between(entry.second.at, now) > seconds; });
  look_again_at_ = std::max<std::size_t>(1'024, 2 * buckets_.size());
}

std::size_t RateLimiter::keys() const {
  const std::lock_guard lock(mutex_);
  return buckets_.size();
}

}  // namespace worldshare::dispatcher
