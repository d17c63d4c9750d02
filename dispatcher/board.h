#pragma once

#include <map>
#include <mutex>
#include <string>

namespace worldshare::dispatcher {

/// What the economy's thread tells the gateway's threads. Thread-safe.
class Board {
 public:
  struct Notice {
    bool leader = false;
    unsigned nodes_online = 0;
    std::map<std::string, std::string> waiting;  ///< job → why nothing moves
  };

  void post(Notice notice) {
    const std::lock_guard lock(mutex_);
    notice_ = std::move(notice);
  }
  Notice read() const {
    const std::lock_guard lock(mutex_);
    return notice_;
  }

 private:
  mutable std::mutex mutex_;
  Notice notice_;  // guarded by mutex_
};

}  // namespace worldshare::dispatcher
