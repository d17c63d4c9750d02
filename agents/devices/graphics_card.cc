#include "agents/devices/graphics_card.h"

#include <sys/utsname.h>

#include <algorithm>
#include <fstream>

namespace worldshare::agent {
namespace {

namespace fs = std::filesystem;

using Maker = GraphicsCard::Maker;

std::string first_line(const fs::path& file) {
  std::ifstream in(file);
  std::string line;
  std::getline(in, line);
  return line;
}

Maker maker_of(const std::string& vendor) {
  if (vendor == "0x10de") return Maker::nvidia;
  if (vendor == "0x1002") return Maker::amd;
  return vendor == "0x8086" ? Maker::intel : Maker::other;
}

std::string driver_of(const fs::path& folder) {
  std::error_code error;
  const fs::path link = fs::read_symlink(folder / "driver", error);
  return error ? std::string() : link.filename().string();
}

}  // namespace

std::vector<GraphicsCard> graphics_cards(const fs::path& system) {
  std::vector<GraphicsCard> out;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(system / "sys/bus/pci/devices", error)) {
    // Display controllers, with a screen (VGA) or without (3D).
    if (!first_line(entry.path() / "class").starts_with("0x03")) continue;
    const std::string address = entry.path().filename();
    out.push_back({address.substr(0, address.find('.')),
                   maker_of(first_line(entry.path() / "vendor")), driver_of(entry.path())});
  }
  std::ranges::sort(out, {}, &GraphicsCard::pci);
  return out;
}

std::string graphics_state(const fs::path& system) {
  std::string out;
  for (const auto& card : graphics_cards(system)) out += card.pci + " " + card.driver + ", ";
  out += first_line(system / "proc/driver/nvidia/version");
  utsname kernel{};
  if (::uname(&kernel) == 0) out += std::string(" ") + kernel.release;
  return out;
}

}  // namespace worldshare::agent
