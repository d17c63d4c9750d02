#pragma once

#include <filesystem>
#include <string>

#include "shared/pg/connection.h"
#include "shared/result.h"

namespace worldshare::dispatcher {

/// Lets an agent in: rows in PostgreSQL, then agents.conf from all credentials that are not
/// revoked. `agent` is its public nkey; `owner` 1 to 64 characters of
/// letters, digits, '.', '_', '-'. kInvalid for either; kConflict when the agent belongs to another
/// owner.
Result<> enrol(pg::Connection& pg, const std::string& agent, const std::string& owner);
/// Shuts an agent out; kNotFound when it was never enrolled.
Result<> revoke(pg::Connection& pg, const std::string& agent);

/// Brings the broker's include file agents.conf up to date; whether it changed, and the broker must
/// read it (broker_reload.h).
Result<bool> write_agents_conf(pg::Connection& pg, const std::filesystem::path& file);

}  // namespace worldshare::dispatcher
