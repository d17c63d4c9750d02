#include <fmt/format.h>
#include <sys/wait.h>

#include <csignal>
#include <memory>

#include "cli/command.h"
#include "cli/embedded/stack.h"
#include "shared/process.h"

namespace worldshare::cli {
namespace {

constexpr std::chrono::milliseconds kLookAgain{50};
constexpr std::chrono::milliseconds kGrace{2000};

struct CompareOptions {
  std::vector<std::string> arguments;
};

/// The exit codes are the verifier's: 0 equal, 1 within tolerance, 2 beyond it, 3 of different
/// shape, 4 not read.
int run(const CompareOptions& options, std::stop_token stop) {
  ProcessOptions verifier;
  verifier.argv = {program_folder() / "worldshare-verifier", "--compare"};
  verifier.argv.insert(verifier.argv.end(), options.arguments.begin(), options.arguments.end());
  auto process = Process::spawn(verifier);
  if (!process) return report_error(process.error(), stop);
  while (!stop.stop_requested()) {
    const auto status = process->wait(kLookAgain);
    if (!status) continue;
    if (WIFEXITED(*status)) return WEXITSTATUS(*status);
    fmt::print(stderr, "worldshare: the comparison ended: {}\n", describe_wait_status(*status));
    return kUnreachable;
  }
  process->stop(SIGTERM, kGrace);
  return kInterrupted;
}

}  // namespace

Run add_compare(CLI::App& app) {
  auto options = std::make_shared<CompareOptions>();
  auto* command = app.add_subcommand(
      "compare",
      "compare pictures: A B [C..] [--same-class] [--psnr dB] [--ssim S] [--worst-block dB] [--heat-map FOLDER] [--json]; "
      "exits with 0 equal, 1 within tolerance, 2 beyond it, 3 of different shape, 4 not read");
  command->prefix_command();
  command->callback([options, command] { options->arguments = command->remaining(); });
  return [options](std::stop_token stop) { return run(*options, std::move(stop)); };
}

}  // namespace worldshare::cli
