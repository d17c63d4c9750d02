#pragma once

#include <string>
#include <vector>

#include "agents/devices/device.h"
#include "shared/result.h"

namespace worldshare::agent {

/// Whether agent.devices makes sense on any machine. kInvalid names the entry.
Result<> check_device_wishes(const std::vector<std::string>& wishes);

/// Of what Blender found, the devices that are wished for, in that order. "auto": the CPU and each
/// card once, by the type that comes first in `found`. kInvalid: one is not there (the message
/// tells what is), or two are the same card.
Result<std::vector<Device>> choose_devices(const std::vector<std::string>& wishes,
                                           const std::vector<Device>& found);

}  // namespace worldshare::agent
