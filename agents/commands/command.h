#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>
#include <utility>

#include "shared/result.h"

namespace worldshare::agent {

/// Exit codes of the commands: 0 done, 1 it did not work.
inline constexpr int kExitDone = 0;
inline constexpr int kExitFailed = 1;

/// Prints it and returns kExitFailed.
int complain(const Error& error);

/// A command adds itself to the program; what it returns runs when it was chosen.
struct Command {
  CLI::App* app = nullptr;
  std::function<int()> run;
};
Command add_enroll(CLI::App& app);
Command add_doctor(CLI::App& app);
Command add_status(CLI::App& app);
Command add_pause(CLI::App& app);
Command add_resume(CLI::App& app);

}  // namespace worldshare::agent
