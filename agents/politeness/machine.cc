#include "agents/politeness/machine.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <sstream>
#include <string>

namespace worldshare::agent {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::hours kForEver{24 * 365};

/// The first word of a small file; empty when there is none.
std::string word_in(const fs::path& file) {
  std::ifstream in(file);
  std::string word;
  in >> word;
  return word;
}

/// Terminals that people type into: pts/0, tty1.
bool is_terminal(const fs::path& file) {
  const std::string name = file.filename();
  const std::string digits = name.starts_with("tty") ? name.substr(3) : name;
  return !digits.empty() &&
         std::ranges::all_of(digits, [](unsigned char c) { return std::isdigit(c) != 0; });
}

}  // namespace

bool Machine::on_battery() const {
  bool discharging = false;
  std::error_code error;
  for (const auto& supply : fs::directory_iterator(root_ / "sys/class/power_supply", error)) {
    const std::string type = word_in(supply.path() / "type");
    // A mouse has a battery too.
    if (word_in(supply.path() / "scope") == "Device") continue;
    if ((type == "Mains" || type == "USB") && word_in(supply.path() / "online") == "1")
      return false;
    if (type == "Battery" && word_in(supply.path() / "status") == "Discharging") discharging = true;
  }
  return discharging;
}

std::optional<double> Machine::hottest() const {
  std::optional<double> out;
  std::error_code error;
  for (const auto& zone : fs::directory_iterator(root_ / "sys/class/thermal", error)) {
    if (!zone.path().filename().string().starts_with("thermal_zone")) continue;
    const std::string text = word_in(zone.path() / "temp");
    if (text.empty()) continue;
    const double degrees = std::strtod(text.c_str(), nullptr) / 1000;
    out = std::max(out.value_or(degrees), degrees);
  }
  return out;
}

std::chrono::seconds Machine::terminals_idle() const {
  std::time_t last = 0;
  std::error_code error;
  for (const char* folder : {"dev/pts", "dev"}) {
    for (const auto& entry : fs::directory_iterator(root_ / folder, error)) {
      struct stat info{};
      // Reading what was typed sets the time of access.
      if (is_terminal(entry.path()) && ::stat(entry.path().c_str(), &info) == 0)
        last = std::max(last, info.st_atime);
    }
  }
  if (last == 0) return kForEver;
  return std::chrono::seconds(std::max<std::time_t>(0, std::time(nullptr) - last));
}

double Machine::busy_with_others() {
  std::ifstream in(root_ / "proc/stat");
  std::string name;
  std::array<std::uint64_t, 8> ticks{};  // user nice system idle iowait irq softirq steal
  in >> name;
  for (auto& each : ticks) in >> each;
  std::uint64_t all = 0;
  for (const auto each : ticks) all += each;
  const std::uint64_t others = ticks[0] + ticks[2];
  const bool first = all_ == 0;
  const double share =
      first || all <= all_ || others < others_
          ? 0
          : static_cast<double>(others - others_) / static_cast<double>(all - all_);
  others_ = others;
  all_ = all;
  return share;
}

}  // namespace worldshare::agent
