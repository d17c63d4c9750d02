#include "shared/signals.h"

#include <signal.h>

#include <condition_variable>
#include <mutex>

namespace worldshare {

StopOnSignal::StopOnSignal() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  signal(SIGPIPE, SIG_IGN);
  watcher_ = std::jthread([this, set](std::stop_token end) {
    while (!end.stop_requested()) {
      timespec wait{0, 100'000'000};
      if (sigtimedwait(&set, nullptr, &wait) > 0) source_.request_stop();
    }
  });
}

bool sleep_unless_stopped(std::stop_token stop, std::chrono::milliseconds time) {
  std::mutex mutex;
  std::condition_variable_any changed;
  std::unique_lock lock(mutex);
  return !changed.wait_for(lock, stop, time, [&] { return stop.stop_requested(); });
}

}  // namespace worldshare
