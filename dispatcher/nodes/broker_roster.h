#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <stop_token>

#include "dispatcher/nodes/broker_list.h"

namespace worldshare::dispatcher {

/// Keeps the broker's list of agents as the rows have it. What comes together is told together: at
/// once when nothing was changed lately, and at most every list.pause() otherwise. Revocations that
/// another process wrote are found within config.broker_poll.
class BrokerRoster {
 public:
  /// `list`: may be nullptr, then there is nothing to do.
  BrokerRoster(const Config& config, pg::Connection pg, std::unique_ptr<BrokerList> list)
      : config_(config), pg_(std::move(pg)), list_(std::move(list)) {}

  /// Works until `stop`. One thread.
  void run(std::stop_token stop);
  /// Something was changed. Any thread.
  void wake();

 private:
  const Config& config_;
  pg::Connection pg_;
  std::unique_ptr<BrokerList> list_;  ///< of the running thread
  std::mutex mutex_;
  std::condition_variable_any changed_;
  bool woken_ = false;  // by mutex_
};

}  // namespace worldshare::dispatcher
