#pragma once

#include <spdlog/spdlog.h>

#include <chrono>
#include <mutex>
#include <string>

#include "agents/lease_book.h"
#include "agents/work_gate.h"

namespace worldshare::agent {

/// What ails this machine or its way to the farm, and not the unit that met it: the unit goes back,
/// and no work is taken for `pause`. Thread-safe. `gate` and `book` must outlive this.
class MachineTrouble {
 public:
  MachineTrouble(WorkGate& gate, LeaseBook& book, std::chrono::milliseconds pause)
      : gate_(gate), book_(book), pause_(pause) {}

  /// `reason`: for its owner, with what to do.
  void note(const std::string& reason) {
    const std::lock_guard lock(mutex_);
    until_ = std::chrono::steady_clock::now() + pause_;
    if (!gate_.close(kGate, reason)) return;
    spdlog::warn("no work for a while seconds={} reason=\"{}\"", pause_.count() / 1000, reason);
    book_.nudge();
  }
  /// Asked now and then: opens the gate when the pause is over.
  void look() {
    const std::lock_guard lock(mutex_);
    if (std::chrono::steady_clock::now() >= until_ && gate_.open(kGate)) book_.nudge();
  }

 private:
  static constexpr const char* kGate = "trouble";
  WorkGate& gate_;
  LeaseBook& book_;
  const std::chrono::milliseconds pause_;
  std::mutex mutex_;
  std::chrono::steady_clock::time_point until_;  // by mutex_
};

}  // namespace worldshare::agent
