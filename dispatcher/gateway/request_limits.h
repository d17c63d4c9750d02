#pragma once

#include <optional>

#include "dispatcher/access/rate_limiter.h"
#include "dispatcher/gateway/routes.h"

namespace worldshare::dispatcher {

/// How many requests a token, and without one an address, may send: 429 with Retry-After beyond
/// that. A token that was refused costs its address ten requests, so that guessing is slow. The
/// token file's is not limited, nor are signed URLs, which were given out one by one. Thread-safe.
class RequestLimits {
 public:
  explicit RequestLimits(const Gateway& gateway);

  /// Each counts a request, and gives an answer where there were too many.
  std::optional<http::Reply> of(const Route& route,
                                const Caller& caller,
                                const http::Request& head);
  std::optional<http::Reply> of_anybody(const http::Request& head);
  std::optional<http::Reply> of_a_refusal(const http::Request& head);

  /// Adds the headers RateLimit-Limit, -Remaining and -Reset.
  void tell(const Caller& caller, http::Reply& reply);

 private:
  std::optional<http::Reply> count(const std::string& key,
                                   const RateLimiter::Limit& limit,
                                   double cost,
                                   const http::Request& head);
  const RateLimiter::Limit of_tokens_;
  const RateLimiter::Limit of_addresses_;
  RateLimiter limiter_;
};

}  // namespace worldshare::dispatcher
