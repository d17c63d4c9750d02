#pragma once

#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "shared/result.h"

namespace worldshare {

struct ProcessOptions {
  std::vector<std::string> argv;  ///< argv[0] is looked up in PATH
  std::map<std::string, std::string>
      environment;  ///< replaces the environment when `clear_environment`, else adds to it
  bool clear_environment = false;
  std::filesystem::path working_directory;  ///< empty: inherited
  std::filesystem::path output_file;  ///< stdout and stderr appended here; empty: see pipe_output
  bool pipe_input = false;   ///< stdin_fd() writes to the child's stdin; else stdin is /dev/null
  bool pipe_output = false;  ///< output_fd() reads the child's stdout and stderr, merged
  bool pipe_report = false;  ///< report_fd() reads what the child writes to its descriptor 3
  int extra_fd = -1;         ///< the child has a copy as its descriptor 4
  int death_signal = 9;      ///< sent to the child when the thread that spawned it ends
  std::optional<uid_t> uid;  ///< run as this user and its primary group (needs root)
  int nice = 0;
};

/// A child process in a process group of its own. The kernel kills it when the *thread* that
/// spawned it ends, so spawn from a thread that lives as long as the child shall. Not thread-safe,
/// but kill() may be called from any thread.
class Process {
 public:
  /// Signal mask and handlers of the child are the defaults. kNotFound when the program cannot be
  /// executed.
  static Result<Process> spawn(const ProcessOptions& options);
  Process(Process&&) noexcept;
  Process& operator=(Process&&) noexcept;
  /// Kills the group (SIGKILL) and reaps the child.
  ~Process();

  pid_t pid() const { return pid_; }
  int stdin_fd() const { return stdin_fd_; }
  int output_fd() const { return output_fd_; }
  int report_fd() const { return report_fd_; }
  void close_stdin();
  /// The wait status once it has ended, nothing while it runs. Reaps; what is left of its group is
  /// killed then.
  std::optional<int> poll();
  /// As poll(), waiting up to `time`.
  std::optional<int> wait(std::chrono::milliseconds time);
  /// To the whole process group; does nothing once the child was reaped.
  void kill(int signal) const;
  /// `signal`, then SIGKILL to what is left of the group after `grace`. Returns when the child is
  /// reaped.
  void stop(int signal, std::chrono::milliseconds grace);

 private:
  Process() = default;
  pid_t pid_ = -1;
  int stdin_fd_ = -1;
  int output_fd_ = -1;
  int report_fd_ = -1;
  std::optional<int> status_;
  std::atomic<bool> reaped_ = false;  ///< kill() reads it from other threads

  void close_descriptors();
  bool ended_within(std::chrono::milliseconds time) const;
  void reap();
};

/// "exit code 3" or "signal 9 (Killed)".
std::string describe_wait_status(int status);

}  // namespace worldshare
