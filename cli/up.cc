#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <charconv>
#include <memory>

#include "cli/api_client.h"
#include "cli/command.h"
#include "cli/embedded/stack.h"
#include "cli/server_options.h"
#include "shared/file_lock.h"
#include "shared/files.h"
#include "shared/signals.h"

namespace worldshare::cli {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

fs::path lock_file() { return up_folder() / "lock"; }

/// Held by the stack for as long as it is up, so that this is known of it even when it was killed.
Result<FileLock> take_up_folder() {
  std::error_code error;
  fs::create_directories(up_folder(), error);
  auto lock = FileLock::try_take(lock_file());
  if (lock || lock.error().code != Errc::kConflict) return lock;
  return fail(Errc::kConflict, "a stack is up already; 'worldshare down' stops it");
}

bool is_up() {
  const auto lock = FileLock::try_take(lock_file());
  return !lock && lock.error().code == Errc::kConflict;
}

/// Of the stack that is up, and of nobody otherwise: the number may be another program's by now.
std::optional<pid_t> running_pid() {
  if (!is_up()) return std::nullopt;
  auto text = read_file(up_folder() / "pid", 64);
  if (!text) return std::nullopt;
  pid_t pid = 0;
  std::from_chars(text->data(), text->data() + text->size(), pid);
  if (pid <= 1) return std::nullopt;
  return pid;
}

/// A link for the browser that signs it in, once. What is behind '#' stays in it: no log sees it.
std::string link(const Stack& stack, const std::stop_token& stop) {
  http::ClientOptions options;
  options.bearer_token = stack.token();
  const ApiClient api(stack.url(), options, stop);
  const auto login = api.post<wire::LoginCodeT>("/v1/logins", "");
  return login ? login->link : stack.url() + "/";
}

int serve(const StackOptions& options, std::stop_token stop) {
  const auto alone = take_up_folder();
  if (!alone) return report_error(alone.error(), stop);
  // At once, in place of an earlier one's.
  auto noted = write_file_atomically(up_folder() / "pid", std::to_string(::getpid()) + "\n");
  if (!noted) return report_error(noted.error(), stop);
  auto stack = Stack::start(options, stop);
  if (!stack) return report_error(stack.error(), stop);
  noted = write_file_atomically(up_folder() / "url", (*stack)->url() + "\n");
  if (!noted) return report_error(noted.error(), stop);
  fmt::print("up at {} with {} agents; state and logs in {}\n", (*stack)->url(), options.agents,
             up_folder().string());
  if ((*stack)->dashboard().empty()) {
    fmt::print("no dashboard: './dev build dashboard' makes it (needs node)\n");
  } else {
    fmt::print("dashboard: {}   (once, within 15 minutes; 'worldshare login' makes another link)\n",
               link(**stack, stop));
  }
  std::fflush(stdout);
  while (!stop.stop_requested()) sleep_unless_stopped(stop, 3600s);
  std::error_code ignored;
  fs::remove(up_folder() / "url", ignored);
  stack->reset();
  fs::remove(up_folder() / "pid", ignored);
  return kDone;
}

int down(std::stop_token stop) {
  const auto pid = running_pid();
  if (!pid) {
    fmt::print("no stack is up\n");
    return kDone;
  }
  ::kill(*pid, SIGTERM);
  for (int i = 0; i < 300; ++i) {
    if (!is_up()) {
      fmt::print("stopped\n");
      return kDone;
    }
    sleep_unless_stopped(stop, 100ms);
  }
  return report_error(
      {Errc::kTimeout, "the stack does not stop; see " + (up_folder() / "logs").string()}, stop);
}

}  // namespace

Run add_up(CLI::App& app) {
  auto options = std::make_shared<StackOptions>();
  auto* command = app.add_subcommand(
      "up", "run an embedded stack in the foreground until Ctrl-C or 'worldshare down'");
  command->add_option("--agents", options->agents, "local agents, of different owners")
      ->check(CLI::Range(0, 16))
      ->capture_default_str();
  command->add_option("--tamper", options->tamper,
                      "the n-th agent returns tampered pictures, to see it found out");
  return [options](std::stop_token stop) {
    options->state = up_folder();
    return serve(*options, std::move(stop));
  };
}

Run add_down(CLI::App& app) {
  app.add_subcommand("down", "stop the stack that 'worldshare up' started");
  return [](std::stop_token stop) { return down(std::move(stop)); };
}

}  // namespace worldshare::cli
