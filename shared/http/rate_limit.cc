#include "shared/http/rate_limit.h"

#include <algorithm>

namespace worldshare::http {
namespace {

constexpr double kBucketSeconds = 0.25;
constexpr double kPieceSeconds = 0.1;
constexpr double kLeastPiece = 1024;
constexpr double kMostPiece = 256 * 1024;

}  // namespace

std::chrono::nanoseconds RateLimit::take(std::size_t bytes, TimePoint now) {
  const std::lock_guard lock(mutex_);
  if (now > last_) {
    const std::chrono::duration<double> passed = now - last_;
    tokens_ = std::min(rate_ * kBucketSeconds, tokens_ + rate_ * passed.count());
    last_ = now;
  }
  tokens_ -= static_cast<double>(bytes);
  if (tokens_ >= 0) return {};
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
      std::chrono::duration<double>(-tokens_ / rate_));
}

std::size_t RateLimit::piece_bytes() const {
  return static_cast<std::size_t>(std::clamp(rate_ * kPieceSeconds, kLeastPiece, kMostPiece));
}

}  // namespace worldshare::http
