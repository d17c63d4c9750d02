#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "shared/pg/connection.h"
#include "shared/result.h"

namespace worldshare::dispatcher {

/// kInvalid unless 1 to 64 characters of letters, digits, '.', '_', '-'.
Result<> check_owner_name(const std::string& owner);

/// Lets an agent in: rows in PostgreSQL, then agents.conf from all credentials that are not
/// revoked. `agent` is its public nkey. kInvalid for it or the owner's name; kConflict when the
/// agent belongs to another owner.
Result<> enrol(pg::Connection& pg, const std::string& agent, const std::string& owner);
/// The same as a part of the caller's transaction.
Result<> enrol(pg::Transaction& transaction, const std::string& agent, const std::string& owner);

/// Shuts an agent out; kNotFound when it was never enrolled.
Result<> revoke(pg::Connection& pg, const std::string& agent, const std::string& reason = {});

struct OwnerRevocation {
  std::uint32_t agents = 0;
  std::uint32_t tokens = 0;
};
/// Shuts out all agents of an owner and withdraws its unused tokens; kNotFound when there is no
/// such owner and no such token.
Result<OwnerRevocation> revoke_owner(pg::Connection& pg,
                                     const std::string& owner,
                                     const std::string& reason);

/// The broker's include file agents.conf, from all credentials that are not revoked.
Result<std::string> agents_conf_text(pg::Transaction& transaction);

}  // namespace worldshare::dispatcher
