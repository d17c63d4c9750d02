#include "dispatcher/nodes/broker_roster.h"

#include "shared/log.h"
#include "shared/signals.h"

namespace worldshare::dispatcher {

void BrokerRoster::run(std::stop_token stop) {
  if (!list_) return;
  while (!stop.stop_requested()) {
    const auto told = list_->publish(pg_);
    if (!told) {
      spdlog::warn("the broker's list of agents is not up to date reason=\"{}\"",
                   told.error().message);
    } else if (!told->empty()) {
      spdlog::info("the broker has the list of agents {}", *told);
    }
    if (!sleep_unless_stopped(stop, list_->pause())) return;
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, stop, config_.broker_poll, [this] { return woken_; });
    woken_ = false;
  }
}

void BrokerRoster::wake() {
  {
    const std::lock_guard lock(mutex_);
    woken_ = true;
  }
  changed_.notify_all();
}

}  // namespace worldshare::dispatcher
