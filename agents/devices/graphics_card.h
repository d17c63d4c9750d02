#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace worldshare::agent {

/// A graphics card of this machine, whether Blender can use it or not.
struct GraphicsCard {
  enum class Maker : std::uint8_t { nvidia, amd, intel, other };
  std::string pci;  ///< "0000:65:00"
  Maker maker = Maker::other;
  std::string driver;  ///< of the kernel, "nvidia"; empty: none
};

/// As sysfs lists them below `system`; in the order of their addresses.
std::vector<GraphicsCard> graphics_cards(const std::filesystem::path& system = "/");

/// Changes when a card comes or goes, or its driver or the kernel is another: what was found out of
/// devices holds no longer then.
std::string graphics_state(const std::filesystem::path& system = "/");

}  // namespace worldshare::agent
