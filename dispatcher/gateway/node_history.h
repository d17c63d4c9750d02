#pragma once

#include <map>
#include <string>
#include <vector>

#include "dispatcher/gateway/recent.h"
#include "shared/messages/messages.h"
#include "shared/pg/connection.h"

namespace worldshare::dispatcher {

/// What became of an agent's replicas. All of them are read for it.
struct NodeHistory {
  std::uint32_t agreed = 0;
  std::uint32_t rejected = 0;
  std::uint32_t failed = 0;
  std::uint32_t expired = 0;
  double render_seconds = 0;  ///< of those that agreed
};

/// Of these agents, by id; at most five seconds old, or older by 20 times what counting takes.
Result<std::map<std::string, NodeHistory>> node_histories(pg::Connection& pg,
                                                          Recent<NodeHistory>& recent,
                                                          const std::vector<std::string>& agents);

}  // namespace worldshare::dispatcher
