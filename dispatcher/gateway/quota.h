#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "shared/http/server.h"
#include "shared/pg/connection.h"

namespace worldshare::dispatcher {

/// What a tenant keeps: the bytes that it sent and the accepted frames of its jobs. Nothing when
/// `sha256`, of `size_bytes`, may be added ("" and 0: nothing is), else the answer that names the
/// quota, tenants.max_stored_bytes.
std::optional<http::Reply> over_quota(pg::Transaction& transaction,
                                      const std::string& tenant,
                                      const std::string& sha256,
                                      std::uint64_t size_bytes);
std::optional<http::Reply> over_quota(pg::Connection& pg,
                                      const std::string& tenant,
                                      const std::string& sha256,
                                      std::uint64_t size_bytes);

}  // namespace worldshare::dispatcher
