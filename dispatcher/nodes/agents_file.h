#pragma once

#include "dispatcher/nodes/broker_list.h"

namespace worldshare::dispatcher {

/// Writes agents.conf from the rows and has the broker read it, if the configuration says how. A
/// lock in the database puts several processes in order.
class AgentsFile final : public BrokerList {
 public:
  explicit AgentsFile(const Config& config) : config_(config) {}
  Result<std::string> publish(pg::Connection& pg) override;
  std::chrono::milliseconds pause() const override { return config_.broker_reload; }

 private:
  const Config& config_;
  std::string known_;  ///< the text that the broker is known to have
};

}  // namespace worldshare::dispatcher
