#pragma once

#include <filesystem>
#include <span>

#include "agents/devices/device.h"
#include "agents/sandbox/sandbox.h"
#include "shared/result.h"

namespace worldshare::agent {

/// What a Blender that renders with this device needs beside its room: of the CPU nothing, of a GPU
/// its own device files and no other card's. kUnavailable, with the remedy: it is not all there.
Result<DeviceAccess> access_of(const Device& device, const std::filesystem::path& system = "/");

/// What a Blender needs to find all GPUs of this machine; for one without a scene.
DeviceAccess access_of_all(const std::filesystem::path& system = "/");

/// Of an AMD card, as its driver tells; 0: it does not.
std::uint64_t memory_of(const Device& device, const std::filesystem::path& system = "/");

}  // namespace worldshare::agent
