#include "agents/config.h"

#include <unistd.h>

#include <algorithm>
#include <thread>

#include "agents/laboratory/tamper.h"
#include "shared/nats/address.h"

namespace worldshare::agent {

YamlFields Config::fields() {
  YamlFields fields;
  fields.add("nats.url", nats_url)
      .add("nats.ca_file", nats_ca_file)
      .add("nats.allow_plain", nats_allow_plain)
      .add("http.ca_file", http_ca_file)
      .add("http.allow_plain", http_allow_plain)
      .add("farm.server", farm_server)
      .add("farm.owner", farm_owner)
      .add("agent.seed_file", seed_file)
      .add("agent.state_folder", state_folder)
      .add("agent.slots", slots)
      .add("agent.threads", threads)
      .add("agent.nice", nice)
      .add("agent.heartbeat_seconds", heartbeat)
      .add("agent.drain_seconds", drain)
      .add("blender.path", blender)
      .add("blender.warm_units", warm.units)
      .add("blender.warm_seconds", warm.age)
      .add("blender.warm_growth_bytes", warm.growth_bytes)
      .add("limits.cache_bytes", cache_bytes)
      .add("limits.free_bytes", free_bytes)
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
  work.add_to(fields);
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
  if (auto ok = work.check(); !ok) return ok;
  if (auto ok = nats::check_address(nats_url, nats_allow_plain); !ok) return ok;
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

nats::ConnectOptions Config::broker(const NKey& key) const {
  nats::ConnectOptions out;
  out.url = nats_url;
  out.ca_file = nats_ca_file;
  out.name = "worldshare-agent";
  out.seed = key.seed();
  return out;
}

http::ClientOptions Config::web() const {
  http::ClientOptions out;
  out.ca_file = http_ca_file;
  out.allow_plain = http_allow_plain;
  return out;
}

SandboxOptions Config::sandbox_of_slots() const {
  SandboxOptions out = sandbox;
  out.memory_bytes = memory_per_slot();
  out.file_bytes = artifact_bytes;
  return out;
}

}  // namespace worldshare::agent
