#pragma once

#include "shared/nats/jwt/accounts_folder.h"
#include "shared/nats/jwt/farm_accounts.h"

namespace worldshare::nats {

/// Signs agents in: an account of its own for each, and the agent as its only user. The account's
/// key is derived from the agent's name and a secret, so nothing is kept by agent. Thread-safe.
class AgentAuthority {
 public:
  /// From what make_accounts() wrote. The error names the file.
  static Result<AgentAuthority> open(const AccountsFolder& files);
  /// The public key of the agent's account.
  std::string account_of(const std::string& agent) const;
  /// What the broker must have of it.
  std::string account_jwt(const AgentStanding& standing) const;
  /// What the agent connects with. Unix seconds.
  std::string user_jwt(const std::string& agent, std::int64_t issued, std::int64_t expires) const;

 private:
  AgentAuthority(SigningKey signer, std::string secret, std::string trusted)
      : signer_(std::move(signer)), secret_(std::move(secret)), trusted_(std::move(trusted)) {}
  SigningKey account_key(const std::string& agent) const;
  SigningKey signer_;
  std::string secret_;
  std::string trusted_;  ///< the account WS
};

}  // namespace worldshare::nats
