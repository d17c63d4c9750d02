#pragma once

#include <filesystem>
#include <string>

#include "agent_generated.h"
#include "agents/blender/blender_process.h"
#include "shared/result.h"

namespace worldshare::agent {

/// What this machine and its Blender can do. Asks Blender once and remembers the answer in
/// `cache_file`, keyed by the program's path, size and time of change. kNotFound: no such program;
/// kUnavailable: it does not run.
Result<wire::CapabilitiesT> probe(const BlenderOptions& options,
                                  const std::filesystem::path& cache_file);

/// For people and scripts.
std::string to_json(const wire::CapabilitiesT& capabilities);

/// What renders here, as far as it changes bits: "cpu-avx2", "cpu-sse41".
std::string device_class();
/// "blender-3_4-cpu-avx2".
std::string render_class(int major, int minor);

}  // namespace worldshare::agent
