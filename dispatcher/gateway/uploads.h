#pragma once

#include <optional>
#include <string>

#include "dispatcher/gateway/gateway.h"

namespace worldshare::dispatcher {

/// Writes down that a tenant sent these bytes: it has them, which is more than to know their hash.
/// Nothing, or the answer when that cannot be.
std::optional<http::Reply> note_upload(Gateway& gateway,
                                       const std::string& tenant,
                                       const std::string& sha256,
                                       std::uint64_t size_bytes);

/// The answer when these bytes are more than the tenant may keep.
std::optional<http::Reply> quota_refusal(Gateway& gateway,
                                         const std::string& tenant,
                                         const std::string& sha256,
                                         std::uint64_t size_bytes);

}  // namespace worldshare::dispatcher
