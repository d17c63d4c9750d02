#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "shared/nats/jwt/signing_key.h"

/// The accounts of a broker that trusts JWTs (its operator mode), and who may enter them. They say
/// what broker-config/nats-server.conf and agent_accounts.h say where the accounts stand in files.
namespace worldshare::nats {

/// Times are unix seconds.
struct AgentStanding {
  std::string agent;       ///< its public nkey
  std::int64_t since = 0;  ///< when it came to stand so
  bool revoked = false;
  bool operator==(const AgentStanding&) const = default;
};

/// The farm's operator: `signer` may sign accounts in its stead.
std::string operator_jwt(const SigningKey& root,
                         const std::string& signer,
                         const std::string& system_account,
                         std::int64_t issued);
std::string system_account_jwt(const std::string& account,
                               const SigningKey& root,
                               std::int64_t issued);
/// WS: trusted, with JetStream, open to the imports of every account of the same operator.
std::string trusted_account_jwt(const std::string& account,
                                const SigningKey& root,
                                std::int64_t issued);
/// The account of one agent: it imports that agent's own subjects from `trusted`. A revoked agent's
/// imports nothing, takes no connection, and voids every user of before and of a day after.
std::string agent_account_jwt(const AgentStanding& standing,
                              const std::string& account,
                              const std::string& trusted,
                              const SigningKey& signer);

/// A user of the trusted account that may do everything there.
std::string trusted_user_jwt(const std::string& user,
                             const std::string& name,
                             const SigningKey& account,
                             std::int64_t issued);
/// A user of the system account that may hand in accounts and look them up, and nothing else.
std::string registrar_jwt(const std::string& user, const SigningKey& account, std::int64_t issued);
/// An agent as the user of its own account. expires 0: never.
std::string agent_user_jwt(const std::string& agent,
                           const SigningKey& account,
                           std::int64_t issued,
                           std::int64_t expires);

}  // namespace worldshare::nats
