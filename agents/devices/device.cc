#include "agents/devices/device.h"

#include <cctype>

namespace worldshare::agent {
namespace {

// So that a result's "renderer" holds Blender's version, the type and a tag beside it.
constexpr std::size_t kModelBytes = 28;

std::string instruction_set() {
#if defined(__x86_64__)
  // What Cycles and Embree have kernels for; each rounds in its own way.
  const bool avx512 =
      __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512dq") != 0 &&
      __builtin_cpu_supports("avx512cd") != 0 && __builtin_cpu_supports("avx512bw") != 0 &&
      __builtin_cpu_supports("avx512vl") != 0;
  const bool avx2 = __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0;
  if (avx512 && avx2) return "avx512";
  return avx2 ? "avx2" : __builtin_cpu_supports("sse4.1") != 0 ? "sse41" : "sse2";
#else
  return "neon";
#endif
}

std::string lower_case(const std::string& text) {
  std::string out;
  for (const char c : text) out += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

/// "NVIDIA GeForce RTX 3090" becomes "nvidia_geforce_rtx_3090".
std::string model_of(const std::string& name) {
  std::string out;
  for (const char c : lower_case(name)) {
    const bool plain = std::isalnum(static_cast<unsigned char>(c)) != 0;
    if (plain) out += c;
    if (!plain && !out.empty() && out.back() != '_') out += '_';
  }
  out.resize(std::min(out.size(), kModelBytes));
  while (out.ends_with('_')) out.pop_back();
  return out.empty() ? "unknown" : out;
}

}  // namespace

std::string device_label(const Device& device) {
  if (device.is_cpu()) return "cpu-" + instruction_set();
  return lower_case(device.type) + "-" + model_of(device.name);
}

}  // namespace worldshare::agent
