#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "shared/process.h"
#include "shared/result.h"

namespace worldshare::cli {

struct Service {
  std::string name;
  ProcessOptions process;
  int stop_signal = 15;
  std::chrono::milliseconds grace{5000};
};

/// Keeps services running: one that ends is started again (0.2 s later, growing to 2 s; the pause
/// shrinks back once it ran 10 s). All children are spawned by one thread, so the kernel kills them
/// with it. The destructor stops the services in reverse order of their start. Thread-safe.
class Supervisor {
 public:
  Supervisor();
  ~Supervisor();
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;

  /// Starts a service and keeps it; returns when it was spawned for the first time.
  Result<> keep(Service service);
  /// Runs a program to its end, on the same thread. kInternal when it does not exit with 0.
  Result<> run_once(const std::string& name,
                    const ProcessOptions& process,
                    std::chrono::milliseconds limit);
  /// Why the stack cannot work: a service that ended again and again right after its start, with
  /// its log file. Empty while there is hope.
  std::string broken() const;
  /// Starts of a service so far; 0 for an unknown one. More than 1 means that it ended and came
  /// back.
  int starts(const std::string& name) const;
  void stop_all();

 private:
  struct Running {
    Service service;
    std::unique_ptr<Process> process;
    std::chrono::steady_clock::time_point started{};
    std::chrono::steady_clock::time_point next_start{};
    std::chrono::milliseconds pause{200};
    int starts = 0;
    int short_lives = 0;  ///< in a row
  };
  void loop(std::stop_token stop);
  Result<> start(Running& running);
  void look_after(Running& running);
  /// Runs `work` on the supervisor's thread and waits for it.
  Result<> on_thread(std::function<Result<>()> work);

  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<std::function<void()>> tasks_;  // guarded by mutex_
  std::map<std::string, int> starts_;        // guarded by mutex_
  std::string broken_;                       // guarded by mutex_
  bool ended_ = false;                       // guarded by mutex_
  std::vector<Running> services_;            // the thread's own
  std::jthread thread_;
};

}  // namespace worldshare::cli
