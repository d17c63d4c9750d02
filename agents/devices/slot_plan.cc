#include "agents/devices/slot_plan.h"

#include <algorithm>

namespace worldshare::agent {
namespace {

std::uint32_t slots_of(const CheckedDevice& on, const SlotSupply& supply) {
  if (!on.test.trouble.empty()) return 0;
  return on.device.is_cpu() ? supply.cpu_slots : 1;
}

unsigned cores_each(unsigned cores, std::uint32_t among) {
  return std::max(1U, cores / std::max(1U, among));
}

}  // namespace

std::vector<SlotPlan> plan_slots(const std::vector<CheckedDevice>& devices,
                                 const SlotSupply& supply) {
  std::vector<SlotPlan> out;
  for (const auto& on : devices) {
    for (std::uint32_t n = 0; n < slots_of(on, supply); ++n) out.push_back({on, 1, 0, 0});
  }
  const auto all = static_cast<std::uint32_t>(out.size());
  const auto on_cpu = static_cast<std::uint32_t>(
      std::ranges::count_if(out, [](const SlotPlan& slot) { return slot.on.device.is_cpu(); }));
  const std::uint32_t on_gpu = all - on_cpu;
  const unsigned left = supply.cores > on_gpu ? supply.cores - on_gpu : 1;
  for (auto& slot : out) {
    const bool cpu = slot.on.device.is_cpu();
    slot.threads = cpu          ? cores_each(left, on_cpu)
                   : on_cpu > 0 ? 1
                                : cores_each(supply.cores, on_gpu);
    if (supply.threads > 0) slot.threads = supply.threads;
    slot.memory_bytes = supply.memory_bytes > 0 ? supply.memory_bytes : supply.machine_bytes / all;
    slot.scene_bytes =
        cpu ? slot.memory_bytes : std::min(slot.memory_bytes, slot.on.device.memory_bytes);
  }
  return out;
}

}  // namespace worldshare::agent
