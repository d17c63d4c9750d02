#include "agents/devices/device_access.h"

#include <algorithm>
#include <cctype>
#include <fstream>
#include <string>

namespace worldshare::agent {
namespace {

namespace fs = std::filesystem;

bool is_there(const fs::path& path) {
  std::error_code error;
  return fs::exists(path, error);
}

bool is_nvidia(const Device& device) { return device.type == "CUDA" || device.type == "OPTIX"; }

/// Entries of a folder whose names are `prefix` and a number.
std::vector<fs::path> numbered(const fs::path& folder, const std::string& prefix) {
  std::vector<fs::path> out;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename();
    if (!name.starts_with(prefix) || name.size() == prefix.size()) continue;
    if (std::ranges::all_of(name.substr(prefix.size()),
                            [](unsigned char c) { return std::isdigit(c) != 0; }))
      out.push_back(entry.path());
  }
  std::ranges::sort(out);
  return out;
}

fs::path pci_folder(const Device& device, const fs::path& system) {
  return system / "sys/bus/pci/devices" / (device.pci + ".0");
}

/// "Device Minor: 	 0" of the driver's own page on the card; -1 when there is none.
int nvidia_minor(const Device& device, const fs::path& system) {
  std::ifstream page(system / "proc/driver/nvidia/gpus" / (device.pci + ".0") / "information");
  for (std::string line; std::getline(page, line);) {
    if (!line.starts_with("Device Minor:")) continue;
    const auto digit = line.find_first_of("0123456789");
    if (digit != std::string::npos && line.size() - digit < 6) return std::stoi(line.substr(digit));
  }
  return -1;
}

Result<fs::path> nvidia_card(const Device& device, const fs::path& system) {
  const int minor = nvidia_minor(device, system);
  if (minor >= 0) return system / "dev" / ("nvidia" + std::to_string(minor));
  const auto cards = numbered(system / "dev", "nvidia");
  if (cards.size() == 1) return cards.front();
  return fail(Errc::kUnavailable, device.id +
                                      ": which of /dev/nvidia* it is cannot be told: "
                                      "/proc/driver/nvidia/gpus does not list " +
                                      device.pci);
}

Result<DeviceAccess> nvidia_access(const Device& device, const fs::path& system) {
  const auto card = nvidia_card(device, system);
  if (!card) return std::unexpected(card.error());
  DeviceAccess out{{*card, system / "dev/nvidiactl", system / "dev/nvidia-uvm"}, {}, true};
  for (const auto& file : out.files) {
    if (is_there(file)) continue;
    return fail(Errc::kUnavailable, device.id + ": there is no " + file.string() +
                                        "; load the driver: nvidia-modprobe -u -c=0");
  }
  return out;
}

/// Where ROCm and Level Zero look up what the card is.
void add_drm_pages(DeviceAccess& out, const fs::path& system) {
  for (const char* page : {"sys/class/drm", "sys/dev/char"}) {
    if (is_there(system / page)) out.pages.push_back(system / page);
  }
}

void add_kfd(DeviceAccess& out, const fs::path& system) {
  out.files.push_back(system / "dev/kfd");
  for (const char* page : {"sys/class/kfd", "sys/devices/virtual/kfd", "opt/rocm"}) {
    if (is_there(system / page)) out.pages.push_back(system / page);
  }
}

Result<DeviceAccess> drm_access(const Device& device, const fs::path& system) {
  const auto nodes = numbered(pci_folder(device, system) / "drm", "renderD");
  if (device.pci.empty() || nodes.empty()) {
    return fail(Errc::kUnavailable,
                device.id +
                    ": which of /dev/dri/renderD* it is cannot be told: sysfs has no such "
                    "file of " +
                    (device.pci.empty() ? device.cycles_id : device.pci));
  }
  DeviceAccess out;
  out.files.push_back(system / "dev/dri" / nodes.front().filename());
  if (device.type == "HIP") add_kfd(out, system);
  for (const auto& file : out.files) {
    if (is_there(file)) continue;
    return fail(Errc::kUnavailable, device.id + ": there is no " + file.string() +
                                        "; install the driver of the card's maker");
  }
  add_drm_pages(out, system);
  std::error_code error;
  const fs::path folder = fs::canonical(pci_folder(device, system), error);
  if (!error) out.pages.push_back(folder);
  return out;
}

}  // namespace

Result<DeviceAccess> access_of(const Device& device, const fs::path& system) {
  if (device.is_cpu()) return DeviceAccess{};
  if (is_nvidia(device)) return nvidia_access(device, system);
  if (device.type == "HIP" || device.type == "ONEAPI") return drm_access(device, system);
  return fail(Errc::kUnavailable,
              device.id + ": this system's sandbox has no way to let " + device.type + " in");
}

DeviceAccess access_of_all(const fs::path& system) {
  DeviceAccess out;
  out.files = numbered(system / "dev", "nvidia");
  if (!out.files.empty()) {
    out.local_sockets = true;
    for (const char* name : {"dev/nvidiactl", "dev/nvidia-uvm"}) {
      if (is_there(system / name)) out.files.push_back(system / name);
    }
  }
  const auto nodes = numbered(system / "dev/dri", "renderD");
  out.files.insert(out.files.end(), nodes.begin(), nodes.end());
  if (is_there(system / "dev/kfd")) add_kfd(out, system);
  if (!nodes.empty()) {
    add_drm_pages(out, system);
    if (is_there(system / "sys/devices")) out.pages.push_back(system / "sys/devices");
  }
  return out;
}

std::uint64_t memory_of(const Device& device, const fs::path& system) {
  if (device.memory_bytes > 0 || device.pci.empty()) return device.memory_bytes;
  std::ifstream page(pci_folder(device, system) / "mem_info_vram_total");
  std::uint64_t bytes = 0;
  page >> bytes;
  return page ? bytes : 0;
}

}  // namespace worldshare::agent
