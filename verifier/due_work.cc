#include "verifier/due_work.h"

#include <spdlog/spdlog.h>

#include "shared/signals.h"

namespace worldshare::verifier {
namespace {

constexpr std::chrono::milliseconds kLookEvery{1000};

}  // namespace

bool DueWork::is_final(Errc code) {
  return code == Errc::kInvalid || code == Errc::kDenied || code == Errc::kCorrupt;
}

void DueWork::run(std::stop_token stop) {
  while (!stop.stop_requested()) {
    const auto done = do_next(stop);
    if (!done && healthy_) {
      spdlog::warn("cannot {} for now reason=\"{}\"", work_, done.error().message);
    }
    healthy_ = done && (*done || when_idle());
    if (!done || !*done) sleep_unless_stopped(stop, kLookEvery);
  }
}

}  // namespace worldshare::verifier
