#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "shared/descriptor.h"

/// The half of Process::spawn that runs between fork and exec. Used by process.cc alone.
namespace worldshare::child {

/// Where the child can fail.
enum class Step : int { kGroups, kUser, kDirectory, kDescriptors, kExec };

/// What the child writes to its parent when it cannot become the program.
struct Failure {
  Step step;
  int error;
};

struct Pipe {
  Descriptor read;
  Descriptor write;
};

struct User {
  uid_t uid = 0;
  gid_t gid = 0;
  std::vector<gid_t> groups;
};

/// Everything that the child needs, made before the fork: after it only async-signal-safe calls are
/// allowed.
struct ChildPlan {
  std::vector<std::string> argv_texts;
  std::vector<std::string> environment_texts;
  std::vector<char*> argv;
  std::vector<char*> environment;
  std::string directory;
  std::optional<User> user;
  int nice = 0;
  int death_signal = 0;
  pid_t parent = -1;
  Descriptor input, output, report, extra, failure;
};

/// Becomes the program, or writes a Failure to plan.failure and ends. Async-signal-safe.
[[noreturn]] void run_child(const ChildPlan& plan);

}  // namespace worldshare::child
