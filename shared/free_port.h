#pragma once

#include <cstdint>

#include "shared/result.h"

namespace worldshare {

/// A loopback TCP port that nobody listens on now. It is drawn from below the ports that systems
/// give to outgoing connections, so that none of those takes it before its owner does.
/// kUnavailable: none was found.
Result<std::uint16_t> free_port();

}  // namespace worldshare
