#pragma once

#include <map>
#include <optional>

#include "dispatcher/nodes/broker_list.h"
#include "shared/nats/jwt/account_resolver.h"
#include "shared/nats/jwt/agent_authority.h"

namespace worldshare::dispatcher {

/// Hands each agent's account to a broker that trusts JWTs: what was changed since the last time,
/// and all of them at the start and when the broker has lost them. An account's text follows from
/// its row, so that handing it in twice changes nothing.
class AccountList final : public BrokerList {
 public:
  /// `registrar`: how to connect as a user of the system account.
  AccountList(nats::AgentAuthority authority, nats::ConnectOptions registrar)
      : authority_(std::move(authority)), registrar_(std::move(registrar)) {}
  Result<std::string> publish(pg::Connection& pg) override;
  std::chrono::milliseconds pause() const override { return {}; }

 private:
  Result<> connect();
  /// The last change first: who waits, waits for that. Those that the broker has are left out.
  Result<std::vector<nats::AgentStanding>> news(pg::Connection& pg) const;

  nats::AgentAuthority authority_;
  nats::ConnectOptions registrar_;
  std::optional<nats::AccountResolver> resolver_;
  std::map<std::string, nats::AgentStanding> known_;  ///< to the broker, by agent
  std::int64_t seen_ = 0;  ///< the last change that the broker knows, unix seconds
};

}  // namespace worldshare::dispatcher
