#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "shared/descriptor.h"
#include "shared/result.h"

namespace worldshare::agent {

struct SandboxOptions {
  /// "required": nothing is rendered without it; "auto": without it where this machine cannot,
  /// which is for one's own scenes; "off": the owner takes the risk.
  std::string mode = "required";
  std::filesystem::path bwrap = "bwrap";  ///< bubblewrap 0.8 or later, looked up in PATH
  /// The system that is seen inside: this one, or the root folder of another release.
  std::filesystem::path root = "/";
  /// Address space of each process, or, with a device, its writable memory: a GPU's driver reserves
  /// more addresses than there is memory. 0: no limit.
  std::uint64_t memory_bytes = 0;
  std::uint64_t file_bytes = 0;  ///< largest file that is written; 0: no limit
  std::uint32_t processes = 0;   ///< processes and threads of all slots; 0: by the cores
};
/// kInvalid names the key.
Result<> check_mode(const std::string& mode);

/// What a program needs to reach a device.
struct DeviceAccess {
  std::vector<std::filesystem::path> files;  ///< device files, to read and write
  std::vector<std::filesystem::path>
      pages;  ///< of the system, to read: sysfs, a driver's libraries
  /// NVIDIA's driver listens on a socket of the process's own empty network namespace (580.159),
  /// and does not start where it may not.
  bool local_sockets = false;
};

/// What one confined process sees besides the system's programs and libraries, which it can read.
struct Room {
  std::filesystem::path work;     ///< its only writable folder, there as kWork
  std::filesystem::path scripts;  ///< readable, there as kScripts
  std::filesystem::path scene;    ///< readable, there as scene_inside(); may be empty
  std::filesystem::path program;  ///< as find() gives it; its folder is readable
  DeviceAccess device = {};       ///< none: no device but /dev/null and its like
};

/// Runs a program so that it reaches nothing but its Room: no network, no file of the user, no
/// other process, no new privileges; Linux namespaces by bubblewrap, a system call filter, and
/// limits. Where the agent runs as root the program runs as the user `nobody`. Immutable after
/// open(): any thread.
class Sandbox {
 public:
  static constexpr const char* kWork = "/work";
  static constexpr const char* kScripts = "/scripts";

  /// Tries it with /usr/bin/true. kUnavailable: it does not work here; the message names the
  /// remedy.
  static Result<Sandbox> open(const SandboxOptions& options);
  /// Runs programs as they are.
  static Sandbox none() { return {}; }

  bool confines() const { return !bwrap_.empty(); }
  /// The program of that name, or path, in the system that is seen inside: absolute, links
  /// resolved. kNotFound.
  Result<std::filesystem::path> find(const std::filesystem::path& program) const;
  /// Where this process finds what is at `inside` in that system.
  std::filesystem::path outside(const std::filesystem::path& inside) const;
  /// Where the program finds its things.
  std::filesystem::path work_inside(const Room& room) const;
  std::filesystem::path scripts_inside(const Room& room) const;
  std::filesystem::path scene_inside(const Room& room) const;
  /// The same with another limit on memory; 0: none.
  Sandbox with_memory(std::uint64_t bytes) const;
  /// The argv that runs `argv` in the room; the child needs make_syscall_filter(), with local
  /// sockets where the room's device asks for them, as descriptor 4.
  std::vector<std::string> command(const Room& room, const std::vector<std::string>& argv) const;
  /// Lets the user whom the program runs as read a file or folder of the Room. kUnavailable.
  Result<> show(const std::filesystem::path& path) const;
  /// Hands a file or folder of the work folder to the user whom the program runs as. kUnavailable.
  Result<> give(const std::filesystem::path& path) const;

 private:
  Sandbox() = default;
  std::vector<std::string> namespaces() const;
  std::vector<std::string> limits(const DeviceAccess& device) const;
  Result<> attempt() const;

  std::filesystem::path bwrap_;  ///< empty: no sandbox
  SandboxOptions options_;
  bool root_ = false;
};

}  // namespace worldshare::agent
