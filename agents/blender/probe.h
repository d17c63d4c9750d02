#pragma once

#include <filesystem>
#include <string>

#include "agent_types.h"
#include "agents/blender/blender_process.h"
#include "shared/result.h"

namespace worldshare::agent {

/// What this machine and its Blender can do.
struct Probe {
  wire::CapabilitiesT can;        ///< on the CPU; its `devices` are for who checks them
  std::string family;             ///< "blender-3_4": what render classes begin with
  std::vector<Device> devices;    ///< that Cycles finds, the CPU first; none: it has no Cycles
  std::vector<Backend> backends;  ///< GPUs that this Blender was built for
  std::string state;  ///< changes with the Blender, the cards, their drivers and the kernel
};

/// Asks Blender once and remembers the answer in `cache_file`, keyed by the probe's state. Lets it
/// see all GPUs. kNotFound: no such program; kUnavailable: it does not run.
Result<Probe> probe(const BlenderOptions& options, const std::filesystem::path& cache_file);

/// For people and scripts.
std::string to_json(const Probe& probe);

/// "blender-3_4-cpu-avx2".
std::string render_class(const Probe& probe, const std::string& label);

}  // namespace worldshare::agent
