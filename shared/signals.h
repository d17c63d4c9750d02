#pragma once

#include <chrono>
#include <stop_token>
#include <thread>

namespace worldshare {

/// Turns SIGINT and SIGTERM into a stop request. Construct first in main, before any thread starts:
/// it blocks both signals for the whole process and waits for them on a thread of its own.
class StopOnSignal {
 public:
  StopOnSignal();
  StopOnSignal(const StopOnSignal&) = delete;
  StopOnSignal& operator=(const StopOnSignal&) = delete;
  std::stop_token token() const { return source_.get_token(); }
  /// As if a signal had come.
  void request_stop() { source_.request_stop(); }

 private:
  std::stop_source source_;
  std::jthread watcher_;
};

/// Returns after `time`, or at once when `stop` is requested. True if the whole time passed.
bool sleep_unless_stopped(std::stop_token stop, std::chrono::milliseconds time);

}  // namespace worldshare
