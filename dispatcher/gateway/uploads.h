#pragma once

#include <string>

#include "dispatcher/gateway/gateway.h"

namespace worldshare::dispatcher {

/// Writes down that a tenant sent these bytes: it has them, which is more than to know their hash.
Result<> note_upload(Gateway& gateway, const std::string& tenant, const std::string& sha256);

}  // namespace worldshare::dispatcher
