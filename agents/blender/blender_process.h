#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <stop_token>
#include <string>

#include "agents/blender/progress.h"
#include "agents/devices/device.h"
#include "agents/sandbox/sandbox.h"
#include "shared/process.h"
#include "shared/result.h"

namespace worldshare::agent {

struct BlenderOptions {
  std::filesystem::path blender = "blender";  ///< program, looked up in PATH
  std::filesystem::path scratch;  ///< private folder: scripts, HOME, temporary files of one Blender
  unsigned threads = 0;           ///< 0: as many as Blender sees fit
  std::uint64_t scratch_limit_bytes = 4ULL << 30;  ///< more in its work folder ends the Blender
  int nice = 0;
  Sandbox sandbox = Sandbox::none();
  Device device;        ///< that renders, and no other
  DeviceAccess access;  ///< to it; see devices/device_access.h
};

constexpr const char* kTooLongReport = "Blender's report is longer than any of ours";

/// A Blender that runs our driver, with its output and its report read line by line.
/// Thread-confined: the kernel kills the Blender when the thread that started it ends.
class BlenderProcess {
 public:
  /// `mode`: one of driver.py; `scene` is empty for "probe" and "self_test".
  static Result<BlenderProcess> start(const BlenderOptions& options,
                                      const std::string& mode,
                                      const std::filesystem::path& scene);

  /// Waits up to `time` for output, and takes what there is without blocking, 1 MiB of each at
  /// most.
  void pump(std::chrono::milliseconds time);
  /// One line for the driver's stdin. kUnavailable when the Blender is gone, kTimeout when it does
  /// not read what it was sent before.
  Result<> send(const std::string& line);
  /// Complete lines of the report and of the output that pump() has taken.
  std::optional<std::string> next_report() { return report_.next_line(); }
  std::optional<std::string> next_output() { return output_.next_line(); }
  /// Then it is no report of our driver, or a broken one; see kTooLongReport.
  bool report_overflowed() const { return report_.overflowed(); }
  /// Nothing while it runs. What it wrote last may still wait for pump().
  std::optional<int> wait_status() { return process_.poll(); }
  void kill() { process_.stop(9, std::chrono::milliseconds(0)); }
  std::string log_tail() const { return output_.tail(); }
  pid_t pid() const { return process_.pid(); }
  const std::filesystem::path& scene() const { return scene_; }
  /// An empty folder for the files of one unit.
  Result<> empty_unit_folder();
  /// A copy of `file` there, under this name; nothing for an empty path.
  Result<> give_file(const std::filesystem::path& file, const std::string& name);
  /// Where that is, for this program and for the Blender.
  std::filesystem::path unit_folder() const { return room_.work / unit_; }
  std::filesystem::path unit_folder_inside() const { return sandbox_.work_inside(room_) / unit_; }
  /// All that the Blender can write to.
  const std::filesystem::path& work_folder() const { return room_.work; }

 private:
  BlenderProcess(Process process, std::filesystem::path scene, Sandbox sandbox, Room room)
      : process_(std::move(process)),
        scene_(std::move(scene)),
        sandbox_(std::move(sandbox)),
        room_(std::move(room)) {}
  Process process_;
  std::filesystem::path scene_;
  Sandbox sandbox_;
  Room room_;
  std::string unit_;  ///< the unit folder's name
  OutputLog output_;
  OutputLog report_;
  bool output_open_ = true;
  bool report_open_ = true;
};

/// Starts the driver in `mode`, and returns the one line that it reports. When it reports nothing,
/// the error (kCorrupt: the scene; kUnavailable: Blender) ends with what Blender said.
Result<std::string> run_driver_once(const BlenderOptions& options,
                                    const std::string& mode,
                                    const std::filesystem::path& scene,
                                    std::chrono::milliseconds time_limit);

}  // namespace worldshare::agent
