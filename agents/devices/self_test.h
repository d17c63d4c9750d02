#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "agents/blender/blender_process.h"
#include "shared/result.h"

namespace worldshare::agent {

/// What self_test.py says of the picture that a device rendered.
struct SelfTestAnswer {
  std::string pixels;         ///< SHA-256 of all of them
  std::vector<double> means;  ///< of red, green and blue in each block, linear light
  double seconds = 0;         ///< of the render
};

/// How a device did.
struct SelfTest {
  /// What of its render class is the device's: device_label(), and a tag of the picture where that
  /// is not known for this Blender and label. Devices of one label give the same bits, as far as
  /// the tiny scene shows.
  std::string label;
  std::string trouble;  ///< why it is left out; empty: it works
  double seconds = 0;
  bool remembered = false;  ///< from an earlier start
};

/// `blender`: its version, "3.4.1". A picture that is like the known one but for noise passes.
SelfTest judge(const SelfTestAnswer& answer, const Device& device, const std::string& blender);

/// Renders the tiny scene with `options.device`, in its sandbox, and judges the picture. A device
/// that passed is remembered in `cache_file` for as long as `key` is the same; one that failed is
/// tried again.
SelfTest self_test(const BlenderOptions& options,
                   const std::string& blender,
                   const std::filesystem::path& cache_file,
                   const std::string& key);

}  // namespace worldshare::agent
