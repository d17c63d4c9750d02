#include "agents/config.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <thread>

#include "agents/devices/device_choice.h"
#include "agents/laboratory/tamper.h"
#include "shared/nats/address.h"

namespace worldshare::agent {
namespace {

/// Slower, a piece of a transfer would come so late that it looks cut off.
constexpr double kSlowestMbit = 0.1;

bool is_cap(double mbit_s) { return mbit_s == 0 || mbit_s >= kSlowestMbit; }

std::shared_ptr<http::RateLimit> cap(double mbit_s) {
  return mbit_s > 0 ? std::make_shared<http::RateLimit>(mbit_s * 1e6 / 8) : nullptr;
}

std::string cap_text(const char* direction, double mbit_s) {
  return mbit_s > 0 ? fmt::format("{} {:g} Mbit/s", direction, mbit_s)
                    : fmt::format("{} without a limit", direction);
}

}  // namespace

YamlFields Config::fields() {
  YamlFields fields;
  fields.add("nats.url", nats_url)
      .add("nats.ca_file", nats_ca_file)
      .add("nats.jwt_file", nats_jwt_file)
      .add("nats.allow_plain", nats_allow_plain)
      .add("http.ca_file", http_ca_file)
      .add("http.allow_plain", http_allow_plain)
      .add("farm.server", farm_server)
      .add("farm.owner", farm_owner)
      .add("agent.seed_file", seed_file)
      .add("agent.state_folder", state_folder)
      .add("agent.findings_folder", findings_folder)
      .add_words("agent.devices", devices)
      .add("agent.slots", slots)
      .add("agent.threads", threads)
      .add("agent.nice", nice)
      .add("agent.heartbeat_seconds", heartbeat)
      .add("agent.drain_seconds", drain)
      .add("agent.prefetch_seconds", prefetch)
      .add("blender.path", blender)
      .add("blender.warm_units", warm.units)
      .add("blender.warm_seconds", warm.age)
      .add("blender.warm_growth_bytes", warm.growth_bytes)
      .add("limits.cache_bytes", cache_bytes)
      .add("limits.free_bytes", free_bytes)
      .add("limits.scratch_bytes", scratch_bytes)
      .add("limits.artifact_bytes", artifact_bytes)
      .add("limits.scene_plain_bytes", scene_plain_bytes)
      .add("limits.download_mbit_s", download_mbit_s)
      .add("limits.upload_mbit_s", upload_mbit_s)
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
  if (auto ok = check_device_wishes(devices); !ok) return ok;
  if (nice > 19) return fail(Errc::kInvalid, "agent.nice must be 0 to 19");
  if (heartbeat < std::chrono::milliseconds(100)) {
    return fail(Errc::kInvalid, "agent.heartbeat_seconds must be at least 0.1");
  }
  if (!is_cap(download_mbit_s) || !is_cap(upload_mbit_s)) {
    return fail(Errc::kInvalid,
                "limits.download_mbit_s and limits.upload_mbit_s must be 0 (no limit) or at least "
                "0.1");
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

SlotSupply Config::supply() const {
  const auto pages = static_cast<std::uint64_t>(::sysconf(_SC_PHYS_PAGES));
  return {slots, threads, memory_bytes, std::max(1U, std::thread::hardware_concurrency()),
          pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE))};
}

std::uint64_t Config::memory_per_slot() const {
  return memory_bytes > 0 ? memory_bytes : supply().machine_bytes / std::max(1U, slots);
}

nats::ConnectOptions Config::broker(const NKey& key) const {
  nats::ConnectOptions out;
  out.url = nats_url;
  out.ca_file = nats_ca_file;
  out.name = "worldshare-agent";
  out.seed = key.seed();
  out.jwt_file = nats_jwt_file;
  return out;
}

http::ClientOptions Config::web() const {
  http::ClientOptions out;
  out.ca_file = http_ca_file;
  out.allow_plain = http_allow_plain;
  out.download = cap(download_mbit_s);
  out.upload = cap(upload_mbit_s);
  return out;
}

std::string Config::bandwidth() const {
  if (download_mbit_s == 0 && upload_mbit_s == 0) return {};
  return cap_text("download", download_mbit_s) + ", " + cap_text("upload", upload_mbit_s);
}

SandboxOptions Config::sandbox_of_slots() const {
  SandboxOptions out = sandbox;
  out.memory_bytes = memory_per_slot();
  out.file_bytes = artifact_bytes;
  return out;
}

}  // namespace worldshare::agent
