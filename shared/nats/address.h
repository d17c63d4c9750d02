#pragma once

#include <string>

#include "shared/result.h"

namespace worldshare::nats {

/// kInvalid unless `url` is tls://host[:port], or nats:// to this machine itself, or nats:// to
/// another one where `allow_plain` says that its owner wants it so. Speaks of the key nats.url.
Result<> check_address(const std::string& url, bool allow_plain);

}  // namespace worldshare::nats
