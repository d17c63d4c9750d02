#pragma once

#include <string>

#include "dispatcher/config.h"
#include "shared/clock.h"
#include "shared/nats/jwt/agent_authority.h"
#include "shared/pg/connection.h"

namespace worldshare::dispatcher {

inline std::int64_t unix_seconds(Clock::TimePoint time) {
  return static_cast<std::int64_t>(unix_ms(time) / 1000);
}

/// The JWT that lets `agent` in for config.credential_life.
std::string credential_of(const nats::AgentAuthority& authority,
                          const std::string& agent,
                          const Config& config,
                          Clock::TimePoint now);

/// kDenied unless the agent is enrolled and not revoked.
Result<> check_enrolled(pg::Connection& pg, const std::string& agent);

}  // namespace worldshare::dispatcher
