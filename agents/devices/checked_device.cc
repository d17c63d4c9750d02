#include "agents/devices/checked_device.h"

#include <algorithm>

#include "agents/devices/device_access.h"
#include "agents/devices/device_choice.h"

namespace worldshare::agent {
namespace {

CheckedDevice check_one(const Device& device,
                        const Probe& probe,
                        BlenderOptions options,
                        const std::filesystem::path& cache_folder) {
  CheckedDevice out{device, {}, {}};
  if (options.sandbox.confines()) {
    auto access = access_of(device);
    if (!access) {
      out.test.label = device_label(device);
      out.test.trouble = access.error().message;
      return out;
    }
    out.access = std::move(*access);
  }
  options.device = device;
  options.access = out.access;
  std::string name = device.id;
  std::ranges::replace(name, ':', '-');
  out.test =
      self_test(options, probe.can.blender, cache_folder / ("self-test-" + name), probe.state);
  return out;
}

}  // namespace

Result<std::vector<CheckedDevice>> check_devices(const std::vector<std::string>& wishes,
                                                 const Probe& probe,
                                                 const BlenderOptions& options,
                                                 const std::filesystem::path& cache_folder) {
  const auto chosen = choose_devices(wishes, probe.devices);
  if (!chosen) return std::unexpected(chosen.error());
  std::vector<CheckedDevice> out;
  for (const auto& device : *chosen) out.push_back(check_one(device, probe, options, cache_folder));
  return out;
}

std::string no_device(const std::vector<CheckedDevice>& devices) {
  std::string out;
  for (const auto& checked : devices) {
    if (checked.test.trouble.empty()) return {};
    out += (out.empty() ? "" : "; ") + checked.device.id + ": " + checked.test.trouble;
  }
  return "no device renders rightly (" + out + "); `worldshare-agent doctor` tells what to do";
}

}  // namespace worldshare::agent
