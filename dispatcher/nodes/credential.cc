#include "dispatcher/nodes/credential.h"

namespace worldshare::dispatcher {

std::string credential_of(const nats::AgentAuthority& authority,
                          const std::string& agent,
                          const Config& config,
                          Clock::TimePoint now) {
  return authority.user_jwt(agent, unix_seconds(now), unix_seconds(now + config.credential_life));
}

Result<> check_enrolled(pg::Connection& pg, const std::string& agent) {
  const auto rows = pg.exec("select revoked_at from credentials where agent = $1", {agent});
  if (!rows) return std::unexpected(rows.error());
  if (!rows->empty() && rows->is_null(0, 0)) return {};
  return fail(Errc::kDenied, rows->empty()
                                 ? "this agent is not enrolled here; ask the operator for a token"
                                 : "this agent was revoked; ask the operator for a new token");
}

}  // namespace worldshare::dispatcher
