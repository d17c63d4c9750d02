#pragma once

#include <string>
#include <vector>

#include "agent_types.h"
#include "agents/config.h"
#include "agents/devices/slot_plan.h"
#include "shared/result.h"

namespace worldshare::agent {

/// The slots of this agent, what each renders with, and what the farm is told of it.
struct Workforce {
  std::vector<SlotPlan> slots;
  wire::CapabilitiesT capabilities;
  std::string trouble;  ///< why there are no slots; empty: there are

  /// Asks Blender, and gives each device its self-test with `options`, both remembered in the
  /// findings' folder; of agents that share it one asks and the others wait. What is left out is
  /// told in the log. kInvalid: agent.devices names what is not there.
  static Result<Workforce> open(const Config& config, const BlenderOptions& options);
};

/// What the farm is told of an agent with these devices and slots.
wire::CapabilitiesT capabilities_of(const Probe& probe,
                                    const std::vector<CheckedDevice>& devices,
                                    const std::vector<SlotPlan>& slots);

}  // namespace worldshare::agent
