#pragma once

#include "agents/blender/probe.h"
#include "agents/config.h"
#include "shared/result.h"

namespace worldshare::agent {

/// What this machine's Blender can do, asked in a sandbox of the configuration and a scratch folder
/// of this call. Errors name the remedy.
Result<Probe> probe_machine(const Config& config);

}  // namespace worldshare::agent
