#include "agents/workforce.h"

#include <spdlog/spdlog.h>

#include <algorithm>

#include "shared/file_lock.h"

namespace worldshare::agent {
namespace {

void log_check(const CheckedDevice& checked) {
  const Device& device = checked.device;
  const SelfTest& test = checked.test;
  if (!test.trouble.empty()) {
    spdlog::error("device is left out device={} name=\"{}\" reason=\"{}\"", device.id, device.name,
                  test.trouble);
  } else {
    spdlog::info("device renders rightly device={} name=\"{}\" label={} {}", device.id, device.name,
                 test.label,
                 test.remembered ? "remembered=true" : fmt::format("seconds={:.2f}", test.seconds));
  }
}

std::unique_ptr<wire::DeviceT> wire_device(const Probe& probe, const CheckedDevice& checked) {
  auto out = std::make_unique<wire::DeviceT>();
  out->id = checked.device.id;
  out->name = checked.device.name;
  out->render_class = render_class(probe, checked.test.label);
  // Eevee and Workbench draw through OpenGL, which no GPU's slot is let use.
  out->engines =
      checked.device.is_cpu() ? probe.can.engines : std::vector<wire::Engine>{wire::Engine::cycles};
  out->memory_bytes = checked.device.memory_bytes;
  out->trouble = checked.test.trouble;
  return out;
}

}  // namespace

wire::CapabilitiesT capabilities_of(const Probe& probe,
                                    const std::vector<CheckedDevice>& devices,
                                    const std::vector<SlotPlan>& slots) {
  wire::CapabilitiesT out = probe.can;
  for (const auto& checked : devices) {
    auto device = wire_device(probe, checked);
    for (std::uint32_t slot = 0; slot < slots.size(); ++slot) {
      if (slots[slot].on.device.id != checked.device.id) continue;
      device->slots.push_back(slot);
      device->memory_bytes = slots[slot].scene_bytes;
    }
    out.devices.push_back(std::move(device));
  }
  if (slots.empty()) return out;
  // For a dispatcher that does not know of devices: what holds for the first slot, and memory that
  // all have whose memory is known.
  out.render_class = render_class(probe, slots.front().on.test.label);
  for (const auto& slot : slots) {
    if (slot.scene_bytes > 0) out.memory_bytes = std::min(out.memory_bytes, slot.scene_bytes);
  }
  return out;
}

Result<Workforce> Workforce::open(const Config& config, const BlenderOptions& options) {
  const auto& findings = config.findings();
  std::error_code unmade;
  std::filesystem::create_directories(findings, unmade);
  // Who cannot have the lock finds out by itself, and remembers nothing.
  const auto alone = FileLock::take(findings / "findings.lock", [&] {
    spdlog::info("another agent looks at this machine, waiting for it folder={}",
                 findings.string());
  });
  if (!alone) spdlog::warn("findings are not shared reason=\"{}\"", alone.error().message);
  auto probed = probe(options, findings / "capabilities");
  if (!probed) return std::unexpected(probed.error());
  const auto devices = check_devices(config.devices, *probed, options, findings);
  if (!devices) return std::unexpected(devices.error());
  std::ranges::for_each(*devices, log_check);
  Workforce out;
  out.slots = plan_slots(*devices, config.supply());
  out.capabilities = capabilities_of(*probed, *devices, out.slots);
  out.trouble = no_device(*devices);
  if (!out.trouble.empty()) spdlog::error("no work is taken reason=\"{}\"", out.trouble);
  return out;
}

}  // namespace worldshare::agent
