#pragma once

#include <chrono>
#include <functional>
#include <stop_token>
#include <string>

#include "shared/log.h"
#include "shared/result.h"
#include "shared/signals.h"

namespace worldshare {

/// Calls `attempt` until it succeeds, fails for good, `wait` has passed or `stop` is requested. For
/// services that may start later than we do; `what` names the service in the log.
template <class T>
Result<T> retry_until(const std::string& what,
                      std::chrono::milliseconds wait,
                      std::stop_token stop,
                      const std::function<Result<T>()>& attempt) {
  const auto deadline = std::chrono::steady_clock::now() + wait;
  bool told = false;
  for (;;) {
    Result<T> outcome = attempt();
    if (outcome || !is_retryable(outcome.error().code)) return outcome;
    if (stop.stop_requested() || std::chrono::steady_clock::now() >= deadline) {
      return fail(Errc::kUnavailable, "cannot reach " + what + ": " + outcome.error().message);
    }
    if (!told) spdlog::info("waiting for {} error=\"{}\"", what, outcome.error().message);
    told = true;
    sleep_unless_stopped(stop, std::chrono::milliseconds(200));
  }
}

}  // namespace worldshare
