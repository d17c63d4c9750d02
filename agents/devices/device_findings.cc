#include "agents/devices/device_findings.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "agents/devices/checked_device.h"
#include "agents/probe_machine.h"
#include "agents/scratch.h"

namespace worldshare::agent {
namespace {

using Grade = Finding::Grade;
using Maker = GraphicsCard::Maker;

constexpr double kGiB = 1024.0 * 1024 * 1024;

/// What Cycles needs for the cards of one maker.
struct Support {
  Maker maker;
  const char* name;
  std::array<const char*, 2> types;
  const char* driver;  ///< the kernel's
  const char* remedy;  ///< for a driver that is not there
};

constexpr std::array kSupport{
    Support{Maker::nvidia,
            "NVIDIA",
            {"OPTIX", "CUDA"},
            "nvidia",
            "install NVIDIA's driver (apt install nvidia-driver, of Debian's non-free)"},
    Support{Maker::amd,
            "AMD",
            {"HIP", "HIP"},
            "amdgpu",
            "install the driver amdgpu and ROCm's HIP runtime (libamdhip64)"},
};

std::string memory_text(const Device& device) {
  if (device.is_cpu()) return {};
  if (device.memory_bytes == 0)
    return ", its memory is not known: it gets scenes of unknown need alone";
  return fmt::format(", {:.1f} GiB", static_cast<double>(device.memory_bytes) / kGiB);
}

/// Debian's Blender has no kernels: it would compile them with a tool that the sandbox has not.
std::string failure_remedy(const Device& device, const std::vector<Backend>& backends) {
  const auto backend = std::ranges::find(backends, device.type, &Backend::type);
  if (backend != backends.end() && backend->kernels == false)
    return "this Blender came without kernels for " + device.type +
           ": install one from blender.org and name it in blender.path";
  if (device.is_cpu()) return "install Blender anew, and test this machine's memory";
  return "update the driver, or leave it out of agent.devices";
}

Finding checked_finding(const CheckedDevice& checked, const Probe& probe) {
  const Device& device = checked.device;
  const std::string who = fmt::format("{} ({}){}", device.id, device.name, memory_text(device));
  if (!checked.test.trouble.empty()) {
    return {"device", Grade::warning, who + " is left out: " + checked.test.trouble,
            failure_remedy(device, probe.backends)};
  }
  return {"device",
          Grade::good,
          fmt::format("{}, renders rightly, test picture in {:.1f} s, class {}", who,
                      checked.test.seconds, render_class(probe, checked.test.label)),
          {}};
}

Finding unwanted_finding(const Device& device) {
  return {"device",
          Grade::good,
          fmt::format("{} ({}) is not in agent.devices", device.id, device.name),
          {}};
}

/// Devices that Blender has and the owner does not use, but for other types of a card in use.
void add_unwanted(const Probe& probe,
                  const std::vector<CheckedDevice>& checked,
                  std::vector<Finding>& out) {
  for (const auto& device : probe.devices) {
    const bool used = std::ranges::any_of(checked, [&](const CheckedDevice& other) {
      return other.device.id == device.id ||
             (!device.pci.empty() && other.device.pci == device.pci);
    });
    if (!used) out.push_back(unwanted_finding(device));
  }
}

void add_idle_cards(const Probe& probe, std::vector<Finding>& out) {
  for (const auto& card : graphics_cards()) {
    if (std::ranges::find(probe.devices, card.pci, &Device::pci) != probe.devices.end()) continue;
    if (auto finding = idle_card_finding(card, probe.backends)) out.push_back(std::move(*finding));
  }
}

BlenderOptions options_of(const Config& config, const Scratch& scratch, const Sandbox& sandbox) {
  BlenderOptions out;
  out.blender = config.blender;
  out.scratch = scratch.path;
  out.sandbox = sandbox;
  return out;
}

void add_devices(const Config& config, const Probe& probe, std::vector<Finding>& out) {
  const auto sandbox = Sandbox::open(config.sandbox_of_slots());
  if (!sandbox) return;
  const Scratch scratch;
  const auto checked =
      check_devices(config.devices, probe, options_of(config, scratch, *sandbox), scratch.path);
  if (!checked) {
    out.push_back({"device", Grade::bad, checked.error().message, "change agent.devices"});
    return;
  }
  const std::size_t before = out.size();
  for (const auto& each : *checked) out.push_back(checked_finding(each, probe));
  // One that is left out costs its own work; none left, all work.
  if (no_device(*checked).empty()) return add_unwanted(probe, *checked, out);
  for (std::size_t i = before; i < out.size(); ++i) out[i].grade = Grade::bad;
}

}  // namespace

std::optional<Finding> idle_card_finding(const GraphicsCard& card,
                                         const std::vector<Backend>& backends) {
  const auto support = std::ranges::find(kSupport, card.maker, &Support::maker);
  if (support == kSupport.end()) return std::nullopt;
  const std::string who = fmt::format("the {} card at {} is not used: ", support->name, card.pci);
  if (card.driver != support->driver) {
    return Finding{"device", Grade::warning,
                   who + "its driver is " + (card.driver.empty() ? "missing" : card.driver),
                   support->remedy};
  }
  const bool built = std::ranges::any_of(backends, [&](const Backend& backend) {
    return std::ranges::find(support->types, backend.type) != support->types.end();
  });
  if (!built) {
    return Finding{"device", Grade::warning,
                   who + "this Blender was built without " + support->types.back(),
                   "install Blender from blender.org and name it in blender.path"};
  }
  return Finding{
      "device", Grade::warning, who + "Cycles does not find it",
      "install the driver's libraries for computing (NVIDIA: libcuda1, and "
      "nvidia-modprobe -u -c=0; AMD: libamdhip64), or use a Blender that knows the card; "
      "`blender -b --debug-cycles` tells more"};
}

std::vector<Finding> device_findings(const Config& config) {
  const auto probe = probe_machine(config);
  if (!probe) {
    return {{"blender", Grade::bad, probe.error().message,
             "install Blender (apt install blender), or name it in blender.path"}};
  }
  std::vector<Finding> out;
  out.push_back({"blender", Grade::good, "Blender " + probe->can.blender, {}});
  add_devices(config, *probe, out);
  add_idle_cards(*probe, out);
  return out;
}

}  // namespace worldshare::agent
