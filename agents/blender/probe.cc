#include "agents/blender/probe.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <thread>

#include "agents/devices/device_access.h"
#include "agents/devices/graphics_card.h"
#include "shared/files.h"
#include "shared/messages/shard.h"

namespace worldshare::agent {
namespace {

namespace json = boost::json;

constexpr std::chrono::seconds kProbeTime{120};
constexpr std::size_t kCacheBytes = 64 * 1024;
// Raised when the driver's probe answers something else than before.
constexpr int kCacheVersion = 3;

/// What the answer hangs on. What works unconfined may not work in a sandbox.
std::string state_of(const std::filesystem::path& program, bool confined) {
  struct stat status{};
  ::stat(program.c_str(), &status);
  return fmt::format("{} {} {} {}.{} {} {}", kCacheVersion, program.string(), status.st_size,
                     status.st_mtim.tv_sec, status.st_mtim.tv_nsec,
                     confined ? "confined" : "unconfined", graphics_state());
}

std::string read_cache(const std::filesystem::path& file, const std::string& key) {
  auto text = read_file(file, kCacheBytes);
  if (!text || !text->starts_with(key + "\n")) return {};
  return text->substr(key.size() + 1);
}

Result<wire::Engine> engine_named(const std::string& name) {
  for (const wire::Engine engine : wire::EnumValuesEngine()) {
    if (name == wire::EnumNameEngine(engine)) return engine;
  }
  return fail(Errc::kInvalid, "unknown engine " + name);
}

Device device_of(const json::object& entry) {
  const auto text = [&](const char* key) { return json::value_to<std::string>(entry.at(key)); };
  Device out{text("id"),   text("type"), text("cycles_id"),
             text("name"), text("pci"),  entry.at("memory_bytes").to_number<std::uint64_t>()};
  out.memory_bytes = memory_of(out);
  return out;
}

Backend backend_of(const json::object& entry) {
  const auto* kernels = entry.at("kernels").if_bool();
  return {json::value_to<std::string>(entry.at("type")),
          kernels == nullptr ? std::nullopt : std::optional(*kernels)};
}

Result<Probe> parse(const std::string& line) {
  Probe out;
  try {
    const json::object answer = json::parse(line).as_object();
    out.can.blender = json::value_to<std::string>(answer.at("blender"));
    const auto version = json::value_to<std::vector<int>>(answer.at("version"));
    out.family = fmt::format("blender-{}_{}", version.at(0), version.at(1));
    out.can.render_class = render_class(out, device_label({}));
    for (const auto& name : json::value_to<std::vector<std::string>>(answer.at("engines"))) {
      if (auto engine = engine_named(name)) out.can.engines.push_back(*engine);
    }
    out.can.features = json::value_to<std::vector<std::string>>(answer.at("features"));
    for (const auto& entry : answer.at("devices").as_array())
      out.devices.push_back(device_of(entry.as_object()));
    for (const auto& entry : answer.at("backends").as_array())
      out.backends.push_back(backend_of(entry.as_object()));
  } catch (const std::exception& error) {
    return fail(Errc::kUnavailable, std::string("cannot read Blender's answer: ") + error.what());
  }
  return out;
}

void add_machine(wire::CapabilitiesT& out) {
  out.features.emplace_back(messages::kSeveralFrames);
  out.agent_version = WORLDSHARE_VERSION;
  out.threads = std::max(1U, std::thread::hardware_concurrency());
  out.memory_bytes = static_cast<std::uint64_t>(::sysconf(_SC_PHYS_PAGES)) *
                     static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace

std::string to_json(const Probe& probe) {
  const wire::CapabilitiesT& can = probe.can;
  json::array engines;
  for (const wire::Engine engine : can.engines) engines.emplace_back(wire::EnumNameEngine(engine));
  json::array devices;
  for (const auto& device : probe.devices) {
    devices.push_back(json::object{{"id", device.id},
                                   {"type", device.type},
                                   {"cycles_id", device.cycles_id},
                                   {"name", device.name},
                                   {"pci", device.pci},
                                   {"memory_bytes", device.memory_bytes}});
  }
  json::array backends;
  for (const auto& backend : probe.backends) {
    const json::value kernels = backend.kernels ? json::value(*backend.kernels) : json::value();
    backends.push_back(json::object{{"type", backend.type}, {"kernels", kernels}});
  }
  return json::serialize(json::object{{"agent_version", can.agent_version},
                                      {"render_class", can.render_class},
                                      {"blender", can.blender},
                                      {"engines", engines},
                                      {"features", json::value_from(can.features)},
                                      {"memory_bytes", can.memory_bytes},
                                      {"threads", can.threads},
                                      {"devices", devices},
                                      {"backends", backends}});
}

std::string render_class(const Probe& probe, const std::string& label) {
  return probe.family + "-" + label;
}

Result<Probe> probe(const BlenderOptions& asked, const std::filesystem::path& cache_file) {
  auto program = asked.sandbox.find(asked.blender);
  if (!program) return std::unexpected(program.error());
  const std::string state = state_of(asked.sandbox.outside(*program), asked.sandbox.confines());
  std::string line = read_cache(cache_file, state);
  if (line.empty()) {
    BlenderOptions options = asked;
    options.access = access_of_all();
    auto answer = run_driver_once(options, "probe", {}, kProbeTime);
    if (!answer) return std::unexpected(answer.error());
    line = *answer;
  }
  auto out = parse(line);
  if (!out) return out;
  out->state = state;
  add_machine(out->can);
  // A cache that cannot be written only costs the next start two seconds.
  std::ignore = write_file_atomically(cache_file, state + "\n" + line);
  return out;
}

}  // namespace worldshare::agent
