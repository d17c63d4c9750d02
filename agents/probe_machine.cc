#include "agents/probe_machine.h"

#include "agents/scratch.h"

namespace worldshare::agent {

Result<Probe> probe_machine(const Config& config) {
  auto sandbox = Sandbox::open(config.sandbox_of_slots());
  if (!sandbox) return std::unexpected(sandbox.error());
  const Scratch scratch;
  BlenderOptions options;
  options.blender = config.blender;
  options.scratch = scratch.path;
  options.sandbox = *sandbox;
  auto can = probe(options, scratch.path / "capabilities");
  if (can) can->can.memory_bytes = std::min(can->can.memory_bytes, config.memory_per_slot());
  return can;
}

}  // namespace worldshare::agent
