#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "dispatcher/config.h"
#include "shared/pg/connection.h"
#include "shared/result.h"

namespace worldshare::dispatcher {

/// What the broker knows of the agents that may come in. Used by one thread at a time.
class BrokerList {
 public:
  virtual ~BrokerList() = default;
  /// Tells the broker what the rows say and this object has not told it yet. Several processes may
  /// do so at once: what is older never stays. What was told, for the log; empty: nothing.
  virtual Result<std::string> publish(pg::Connection& pg) = 0;
  /// What the broker is spared between two calls.
  virtual std::chrono::milliseconds pause() const = 0;
};

/// The one that the configuration names: accounts as JWTs, or agents.conf; nullptr when another
/// process keeps it. kInvalid for keys and files that do not fit.
Result<std::unique_ptr<BrokerList>> open_broker_list(const Config& config);

}  // namespace worldshare::dispatcher
