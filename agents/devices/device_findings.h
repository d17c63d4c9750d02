#pragma once

#include <optional>
#include <vector>

#include "agents/config.h"
#include "agents/devices/graphics_card.h"
#include "agents/examination.h"

namespace worldshare::agent {

/// What `doctor` says of Blender and of each device that could render: its self-test, made anew,
/// and for cards that Blender cannot use the reason. The first finding is Blender's own.
std::vector<Finding> device_findings(const Config& config);

/// Why Blender finds no device for this card, and what to do; nothing for one that no Blender on
/// Linux renders with.
std::optional<Finding> idle_card_finding(const GraphicsCard& card,
                                         const std::vector<Backend>& backends);

}  // namespace worldshare::agent
