#include "dispatcher/gateway/request_limits.h"

#include "dispatcher/gateway/replies.h"
#include "shared/log.h"

namespace worldshare::dispatcher {
namespace {

constexpr double kRefusalCost = 10;

/// Whether it is another's business how many requests this caller sends.
bool is_free(const Caller& caller) { return caller.token == kLocalToken && !caller.by_cookie; }

void add_headers(const RateLimiter::Standing& standing, http::Reply& reply) {
  if (standing.limit == 0) return;
  reply.headers["RateLimit-Limit"] = std::to_string(standing.limit);
  reply.headers["RateLimit-Remaining"] = std::to_string(standing.remaining);
  reply.headers["RateLimit-Reset"] = std::to_string(standing.full_in);
}

}  // namespace

RequestLimits::RequestLimits(const Gateway& gateway)
    : of_tokens_{gateway.parts.config.requests_per_second, gateway.parts.config.request_burst},
      of_addresses_{gateway.parts.config.open_requests_per_second,
                    gateway.parts.config.open_request_burst},
      limiter_(gateway.parts.clock) {}

std::optional<http::Reply> RequestLimits::count(const std::string& key,
                                                const RateLimiter::Limit& limit,
                                                double cost,
                                                const http::Request& head) {
  const auto standing = limiter_.take(key, limit, cost);
  if (standing.allowed) return std::nullopt;
  spdlog::info("too many requests address={} method={} path=\"{}\"", head.address, head.method,
               messages::clean_text(head.path, 200));
  http::Reply reply =
      problem(429, "too many requests; come back in " + std::to_string(standing.retry_in) + " s");
  reply.headers["Retry-After"] = std::to_string(standing.retry_in);
  add_headers(standing, reply);
  return reply;
}

std::optional<http::Reply> RequestLimits::of(const Route& route,
                                             const Caller& caller,
                                             const http::Request& head) {
  if (route.access == Access::own && !head.query.empty()) return std::nullopt;
  if (caller.token.empty()) return of_anybody(head);
  if (is_free(caller)) return std::nullopt;
  return count(caller.token, of_tokens_, 1, head);
}

std::optional<http::Reply> RequestLimits::of_anybody(const http::Request& head) {
  return count("from " + head.address, of_addresses_, 1, head);
}

std::optional<http::Reply> RequestLimits::of_a_refusal(const http::Request& head) {
  spdlog::info("not let in address={} method={} path=\"{}\"", head.address, head.method,
               messages::clean_text(head.path, 200));
  return count("from " + head.address, of_addresses_, kRefusalCost, head);
}

void RequestLimits::tell(const Caller& caller, http::Reply& reply) {
  if (caller.token.empty() || is_free(caller)) return;
  add_headers(limiter_.look(caller.token, of_tokens_), reply);
}

}  // namespace worldshare::dispatcher
