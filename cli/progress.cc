#include "cli/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>

#include "shared/signals.h"

namespace worldshare::cli {
namespace {

using namespace std::chrono_literals;

void show(const std::string& text, bool terminal, std::string& shown) {
  if (text == shown) return;
  if (terminal) {
    // Back to the line's start, then erase what was longer before.
    fmt::print("\r{}\x1b[K", text);
  } else {
    fmt::print("{}\n", text);
  }
  std::fflush(stdout);
  shown = text;
}

}  // namespace

std::string duration_text(double seconds) {
  const auto total = static_cast<long>(std::lround(std::max(0.0, seconds)));
  if (total >= 3600)
    return fmt::format("{}:{:02}:{:02}", total / 3600, total / 60 % 60, total % 60);
  return fmt::format("{}:{:02}", total / 60, total % 60);
}

std::string progress_text(const wire::JobStatusT& status, int bar_width) {
  const auto done = status.frames_accepted + status.frames_failed;
  const double share = status.frames > 0 ? static_cast<double>(done) / status.frames : 0;
  const auto filled = static_cast<std::size_t>(std::lround(share * bar_width));
  std::string text =
      fmt::format("[{}{}] {:>{}}/{} frames  {}/{} replicas", std::string(filled, '#'),
                  std::string(static_cast<std::size_t>(bar_width) - filled, '.'), done,
                  std::to_string(status.frames).size(), status.frames, status.replicas_reported,
                  std::max(status.replicas_wanted, status.replicas_reported));
  if (status.frames_failed > 0) text += fmt::format("  {} failed", status.frames_failed);
  if (done > 0 && status.elapsed_seconds > 0) {
    const double rate = done / status.elapsed_seconds;
    text += fmt::format("  {:.1f} frames/min", rate * 60);
    if (done < status.frames) text += "  ETA " + duration_text((status.frames - done) / rate);
  }
  if (!status.waiting.empty()) text += "  waiting: " + status.waiting;
  return text;
}

Result<wire::JobStatusT> watch(const ApiClient& api,
                               const std::string& job,
                               std::stop_token stop,
                               const std::function<std::string()>& broken) {
  const bool terminal = ::isatty(STDOUT_FILENO) == 1;
  std::string shown;
  std::string counted;
  for (;;) {
    auto status = api.job(job);
    if (stop.stop_requested()) return fail(Errc::kTimeout, "interrupted");
    if (!status) return status;
    if (std::string why = broken(); !why.empty()) return fail(Errc::kUnavailable, std::move(why));
    const bool ended = status->state == "completed" || status->state == "failed";
    // Without a terminal a line is worth printing when something was counted, not when the ETA
    // moved.
    const std::string counts =
        fmt::format("{} {} {} {}", status->frames_accepted, status->frames_failed,
                    status->replicas_reported, status->waiting);
    if (terminal || ended || counts != counted) show(progress_text(*status, 30), terminal, shown);
    counted = counts;
    if (ended) {
      if (terminal) fmt::print("\n");
      return status;
    }
    sleep_unless_stopped(stop, terminal ? 250ms : 500ms);
  }
}

}  // namespace worldshare::cli
