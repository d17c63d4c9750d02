#include "agents/blender/probe.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <thread>

#include "shared/files.h"

namespace worldshare::agent {
namespace {

constexpr std::chrono::seconds kProbeTime{120};
constexpr std::size_t kCacheBytes = 64 * 1024;
// Raised when the driver's probe answers something else than before.
constexpr int kCacheVersion = 1;

std::string cache_key(const std::filesystem::path& program) {
  struct stat status{};
  ::stat(program.c_str(), &status);
  return fmt::format("{} {} {} {}.{}", kCacheVersion, program.string(), status.st_size,
                     status.st_mtim.tv_sec, status.st_mtim.tv_nsec);
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

Result<wire::CapabilitiesT> parse(const std::string& line) {
  wire::CapabilitiesT out;
  try {
    const boost::json::object answer = boost::json::parse(line).as_object();
    out.blender = boost::json::value_to<std::string>(answer.at("blender"));
    const auto version = boost::json::value_to<std::vector<int>>(answer.at("version"));
    out.render_class = render_class(version.at(0), version.at(1));
    for (const auto& name : boost::json::value_to<std::vector<std::string>>(answer.at("engines"))) {
      if (auto engine = engine_named(name)) out.engines.push_back(*engine);
    }
    out.features = boost::json::value_to<std::vector<std::string>>(answer.at("features"));
  } catch (const std::exception& error) {
    return fail(Errc::kUnavailable, std::string("cannot read Blender's answer: ") + error.what());
  }
  return out;
}

void add_machine(wire::CapabilitiesT& out) {
  out.agent_version = WORLDSHARE_VERSION;
  out.threads = std::max(1U, std::thread::hardware_concurrency());
  out.memory_bytes = static_cast<std::uint64_t>(::sysconf(_SC_PHYS_PAGES)) *
                     static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace

std::string to_json(const wire::CapabilitiesT& capabilities) {
  boost::json::array engines;
  for (const wire::Engine engine : capabilities.engines) {
    engines.emplace_back(wire::EnumNameEngine(engine));
  }
  return boost::json::serialize(
      boost::json::object{{"agent_version", capabilities.agent_version},
                          {"render_class", capabilities.render_class},
                          {"blender", capabilities.blender},
                          {"engines", engines},
                          {"features", boost::json::value_from(capabilities.features)},
                          {"memory_bytes", capabilities.memory_bytes},
                          {"threads", capabilities.threads}});
}

std::string device_class() {
#if defined(__x86_64__)
  // What Cycles and Embree have kernels for; each rounds in its own way.
  const bool avx512 =
      __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512dq") != 0 &&
      __builtin_cpu_supports("avx512cd") != 0 && __builtin_cpu_supports("avx512bw") != 0 &&
      __builtin_cpu_supports("avx512vl") != 0;
  const bool avx2 = __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0;
  if (avx512 && avx2) return "cpu-avx512";
  return avx2 ? "cpu-avx2" : __builtin_cpu_supports("sse4.1") != 0 ? "cpu-sse41" : "cpu-sse2";
#else
  return "cpu-neon";
#endif
}

std::string render_class(int major, int minor) {
  return fmt::format("blender-{}_{}-{}", major, minor, device_class());
}

Result<wire::CapabilitiesT> probe(const BlenderOptions& options,
                                  const std::filesystem::path& cache_file) {
  auto program = options.sandbox.find(options.blender);
  if (!program) return std::unexpected(program.error());
  const std::string key = cache_key(options.sandbox.outside(*program));
  std::string line = read_cache(cache_file, key);
  if (line.empty()) {
    auto answer = run_driver_once(options, "probe", {}, kProbeTime);
    if (!answer) return std::unexpected(answer.error());
    line = *answer;
  }
  auto out = parse(line);
  if (!out) return out;
  add_machine(*out);
  // A cache that cannot be written only costs the next start two seconds.
  std::ignore = write_file_atomically(cache_file, key + "\n" + line);
  return out;
}

}  // namespace worldshare::agent
