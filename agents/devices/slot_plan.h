#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "agents/devices/checked_device.h"

namespace worldshare::agent {

/// What there is to share, and what the owner wants of it.
struct SlotSupply {
  std::uint32_t cpu_slots = 1;     ///< agent.slots
  unsigned threads = 0;            ///< of each slot; 0: shared
  std::uint64_t memory_bytes = 0;  ///< of each slot; 0: shared
  unsigned cores = 1;              ///< of the machine
  std::uint64_t machine_bytes = 0;
};

/// One slot: what it renders with, and how much of the machine it has.
struct SlotPlan {
  CheckedDevice on;
  unsigned threads = 1;
  std::uint64_t memory_bytes = 0;  ///< that its Blender may use
  std::uint64_t scene_bytes = 0;   ///< what is promised to the farm: a GPU's own memory counts, too
};

/// The slots, those of the first device first: agent.slots of them on the CPU, one on each GPU.
/// Devices that failed have none. Memory is shared among all. Beside slots of the CPU each GPU's
/// slot has one core, which the others do without; where there are none the cores are shared. A GPU
/// whose memory nobody tells promises 0: it gets scenes of which no need is known.
std::vector<SlotPlan> plan_slots(const std::vector<CheckedDevice>& devices,
                                 const SlotSupply& supply);

}  // namespace worldshare::agent
