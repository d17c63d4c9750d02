#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "agents/blender/probe.h"
#include "agents/devices/self_test.h"
#include "shared/result.h"

namespace worldshare::agent {

/// A device that the owner wants, and whether it renders rightly.
struct CheckedDevice {
  Device device;
  DeviceAccess access;
  SelfTest test;
};

/// Chooses from what the probe found, and gives each its self-test with `options` (its device and
/// access are filled in), remembered below `cache_folder`. What fails says why and is in the list
/// all the same. kInvalid: `wishes` names what is not there.
Result<std::vector<CheckedDevice>> check_devices(const std::vector<std::string>& wishes,
                                                 const Probe& probe,
                                                 const BlenderOptions& options,
                                                 const std::filesystem::path& cache_folder);

/// Why no device is left, for people; empty: one is.
std::string no_device(const std::vector<CheckedDevice>& devices);

}  // namespace worldshare::agent
