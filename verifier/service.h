#pragma once

#include <stop_token>

#include "shared/result.h"
#include "verifier/config.h"

namespace worldshare::verifier {

/// Runs the configured workers and the health page until `stop`. kUnavailable, kTimeout: a service
/// did not appear within config.startup_wait; kInvalid and the like: the configuration is at fault.
Result<> serve(const Config& config, std::stop_token stop);

}  // namespace worldshare::verifier
