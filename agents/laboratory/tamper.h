#pragma once

#include <string>

#include "shared/result.h"

namespace worldshare::agent::laboratory {

/// Ways in which an agent of a laboratory cheats, so that a farm can see its verifier at work.
/// Empty is honest; "brighten_region" makes about 8 % of every picture brighter. kInvalid for any
/// other text.
Result<> check_tamper(const std::string& mode);

/// Says in the log that a picture is about to be falsified; nothing when `mode` is empty.
void warn_of_tampering(const std::string& mode, const std::string& lease);

}  // namespace worldshare::agent::laboratory
