#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <stop_token>
#include <string>

#include "dispatcher/config.h"
#include "shared/pg/connection.h"
#include "shared/result.h"

namespace worldshare::dispatcher {

/// Writes agents.conf from the rows and has the broker read it, if the configuration says how.
/// Several processes may call it at once: a lock in the database puts them in order, so that an
/// older list never follows a newer one. `known`: the text that the broker is known to have; it is
/// not told again, and set to what it has now. True when it was told.
Result<bool> publish_agents(pg::Connection& pg, const Config& config, std::string& known);

/// Keeps the broker's list of agents as the rows have it. What comes together is written together:
/// the broker reads its configuration at once when nothing was changed lately, and at most every
/// config.broker_reload otherwise. Revocations that another process wrote are found within
/// config.broker_poll.
class BrokerRoster {
 public:
  BrokerRoster(const Config& config, pg::Connection pg) : config_(config), pg_(std::move(pg)) {}

  /// Works until `stop`. One thread.
  void run(std::stop_token stop);
  /// Something was changed. Any thread.
  void wake();

 private:
  const Config& config_;
  pg::Connection pg_;
  std::string known_;  ///< of the running thread
  std::mutex mutex_;
  std::condition_variable_any changed_;
  bool woken_ = false;  // by mutex_
};

}  // namespace worldshare::dispatcher
