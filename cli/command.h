#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "shared/result.h"

namespace worldshare::cli {

// Exit codes: 0 done; 1 not every frame could be verified; 2 the input or the options are wrong;
// 3 a service or a program is missing or does not answer; 130 interrupted. `compare` and `verify`
// have their own.
inline constexpr int kDone = 0;
inline constexpr int kNotVerified = 1;
inline constexpr int kBadInput = 2;
inline constexpr int kUnreachable = 3;
inline constexpr int kInterrupted = 130;

/// Prints the error and returns the exit code that fits it.
int report_error(const Error& error, std::stop_token stop);

/// A command adds itself to the program; what it returns runs when it was chosen and gives the exit
/// code.
using Run = std::function<int(std::stop_token)>;
Run add_render(CLI::App& app);
Run add_submit(CLI::App& app);
Run add_watch(CLI::App& app);
Run add_status(CLI::App& app);
Run add_fetch(CLI::App& app);
Run add_up(CLI::App& app);
Run add_down(CLI::App& app);
Run add_compare(CLI::App& app);
Run add_jobs(CLI::App& app);
Run add_units(CLI::App& app);
Run add_nodes(CLI::App& app);
Run add_node(CLI::App& app);
Run add_owners(CLI::App& app);
Run add_leaderboard(CLI::App& app);
Run add_queue(CLI::App& app);
Run add_trust(CLI::App& app);
Run add_verdict(CLI::App& app);
Run add_verify(CLI::App& app);
Run add_tenant(CLI::App& app);
Run add_token(CLI::App& app);
Run add_audit(CLI::App& app);
Run add_login(CLI::App& app);
Run add_top(CLI::App& app);
Run add_completion(CLI::App& app);
Run add_man(CLI::App& app);
/// pause, resume, cancel, prioritise, requeue, extend, first.
std::vector<std::pair<std::string, Run>> add_control(CLI::App& app);

}  // namespace worldshare::cli
