#pragma once

#include <optional>
#include <string>
#include <vector>

#include "dispatcher/gateway/connection_pool.h"
#include "shared/http/server.h"

namespace worldshare::dispatcher {

/// What the trust engine believes and why, for people, and what operators may overrule:
///   GET  /v1/trust/{owner}            OwnerTrust
///   POST /v1/trust/{owner}/overrule   Overrule
///   GET  /v1/units/{unit}/verdicts    UnitVerdicts
/// Nothing for any other path. `parts`: of the path. Thread-safe.
std::optional<http::Reply> on_trust(ConnectionPool& pool,
                                    const http::Request& request,
                                    const std::vector<std::string>& parts);

}  // namespace worldshare::dispatcher
