#pragma once

#include <sys/types.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "shared/process.h"
#include "tests/support/temp_folder.h"

namespace worldshare::testing {

/// A process that belongs to a stack, by its state folder.
struct StackProcess {
  pid_t pid = 0;
  std::string command;  ///< its command line
};

/// One run of `worldshare render` in a temporary state folder, as a person would start it.
class RenderRun {
 public:
  /// `arguments` follow "render SCENE -o <folder>/frames --state <folder>/state".
  RenderRun(const std::filesystem::path& scene, std::vector<std::string> arguments);

  void start();
  /// Waits for the end; the exit code, 128 + n for signal n, -1 when it did not end in time.
  int wait(std::chrono::seconds limit);
  /// Waits until so many replicas were reported; false when the run ended or `limit` passed before.
  bool wait_for_replicas(int count, std::chrono::seconds limit);
  /// kill -9 to the first process of the stack whose command line holds `part`, once there is one.
  bool kill_one(const std::string& part);
  /// Freezes all processes of the stack whose command line holds `part`, as if their machine hung
  /// or the network to it was cut; how many. Its destructor lets them go on.
  class Freeze {
   public:
    Freeze(const RenderRun& run, const std::string& part);
    ~Freeze();
    Freeze(const Freeze&) = delete;
    Freeze& operator=(const Freeze&) = delete;
    std::size_t count() const { return frozen_.size(); }

   private:
    std::vector<pid_t> frozen_;
  };
  void signal(int number);

  std::string output() const;
  std::filesystem::path frames() const { return folder_.path() / "frames"; }
  std::vector<std::filesystem::path> frame_files() const;
  std::vector<StackProcess> processes() const;
  /// Everything that the services logged, for the message of a failed check.
  std::string logs() const;

 private:
  TempFolder folder_;
  std::filesystem::path scene_;
  std::vector<std::string> arguments_;
  std::unique_ptr<Process> process_;
};

/// Builds the tests' scene once per program: "CYCLES" or "BLENDER_WORKBENCH".
std::filesystem::path test_scene(const std::string& engine);

/// SHA-256 of the canonical form of the frames that `blender -b SCENE -a` writes, in order.
std::vector<std::string> local_render(const std::filesystem::path& scene, int first, int last);

}  // namespace worldshare::testing
