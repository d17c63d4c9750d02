#include "agents/config.h"

#include <unistd.h>

#include <algorithm>
#include <thread>

#include "agents/laboratory/tamper.h"

namespace worldshare::agent {

YamlFields Config::fields() {
  YamlFields fields;
  fields.add("nats.url", nats_url)
      .add("agent.seed_file", seed_file)
      .add("agent.state_folder", state_folder)
      .add("agent.slots", slots)
      .add("agent.threads", threads)
      .add("agent.nice", nice)
      .add("agent.heartbeat_seconds", heartbeat)
      .add("blender.path", blender)
      .add("limits.cache_bytes", cache_bytes)
      .add("limits.scratch_bytes", scratch_bytes)
      .add("limits.artifact_bytes", artifact_bytes)
      .add("limits.scene_plain_bytes", scene_plain_bytes)
      .add("limits.memory_bytes", memory_bytes)
      .add("limits.processes", sandbox.processes)
      .add("sandbox.mode", sandbox.mode)
      .add("sandbox.bwrap", sandbox.bwrap)
      .add("sandbox.root", sandbox.root)
      .add("laboratory.tamper", tamper)
      .add("log.level", log_level);
  return fields;
}

Result<> Config::check() const {
  if (slots == 0 || slots > 64) return fail(Errc::kInvalid, "agent.slots must be 1 to 64");
  if (nice > 19) return fail(Errc::kInvalid, "agent.nice must be 0 to 19");
  if (heartbeat < std::chrono::milliseconds(100)) {
    return fail(Errc::kInvalid, "agent.heartbeat_seconds must be at least 0.1");
  }
  if (auto ok = check_mode(sandbox.mode); !ok) return ok;
  if (!sandbox.root.is_absolute() || (sandbox.root != "/" && sandbox.mode != "required"))
    return fail(
        Errc::kInvalid,
        "sandbox.root must be absolute, and another root than / needs sandbox.mode: required");
  return laboratory::check_tamper(tamper);
}

unsigned Config::threads_per_slot() const {
  if (threads > 0) return threads;
  return std::max(1U, std::thread::hardware_concurrency() / std::max(1U, slots));
}

std::uint64_t Config::memory_per_slot() const {
  if (memory_bytes > 0) return memory_bytes;
  const auto pages = static_cast<std::uint64_t>(::sysconf(_SC_PHYS_PAGES));
  return pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)) / std::max(1U, slots);
}

SandboxOptions Config::sandbox_of_slots() const {
  SandboxOptions out = sandbox;
  out.memory_bytes = memory_per_slot();
  out.file_bytes = artifact_bytes;
  return out;
}

}  // namespace worldshare::agent
