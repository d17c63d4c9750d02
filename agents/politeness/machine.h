#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>

namespace worldshare::agent {

/// What Linux tells about this machine's power, heat and users. One thread.
class Machine {
 public:
  /// `root`: where sys, proc and dev are.
  explicit Machine(std::filesystem::path root = "/") : root_(std::move(root)) {}

  /// Whether it runs from a battery now. False where nothing is known of one.
  bool on_battery() const;
  /// The hottest sensor in degrees Celsius; nothing where there is none.
  std::optional<double> hottest() const;
  /// Since somebody typed in a terminal; a very long time when there is none.
  std::chrono::seconds terminals_idle() const;
  /// How much of all processors programs of ordinary priority used since the last call, 0..1. What
  /// is nice, as Blender is here, does not count. 0 on the first call.
  double busy_with_others();

 private:
  const std::filesystem::path root_;
  std::uint64_t others_ = 0;  ///< ticks so far
  std::uint64_t all_ = 0;
};

}  // namespace worldshare::agent
