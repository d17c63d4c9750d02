#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "dispatcher/access/caller.h"
#include "dispatcher/access/secret.h"
#include "shared/pg/connection.h"
#include "shared/result.h"

namespace worldshare::dispatcher {

/// What a browser's secret stands for. Its token must still be valid when it is used.
struct Login {
  std::string hash;  ///< what the secret must hash to
  std::string token;
  std::string token_hash;
  std::uint64_t expires_ms = 0;
};

/// A one-time code, by which a browser gets a session of this caller's.
Result<Secret> make_code(pg::Connection& pg, const Caller& caller, std::chrono::milliseconds life);
/// What the code stands for; it is spent then, also when two ask at once. kDenied when it is wrong,
/// spent or expired.
Result<Login> spend_code(pg::Connection& pg, const std::string& code);

Result<Secret> make_session(pg::Connection& pg,
                            const std::string& token,
                            const std::string& token_hash,
                            std::chrono::milliseconds life);
/// A session that has not expired.
Result<std::optional<Login>> find_session(pg::Connection& pg, const std::string& id);
Result<> end_session(pg::Connection& pg, const std::string& id);

}  // namespace worldshare::dispatcher
