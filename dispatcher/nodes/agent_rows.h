#pragma once

#include <map>
#include <string>
#include <vector>

#include "dispatcher/economy/leadership.h"
#include "dispatcher/economy/roster.h"
#include "shared/messages/messages.h"
#include "shared/pg/connection.h"
#include "shared/result.h"

namespace worldshare::dispatcher {

/// The registry's row of an agent that may work.
struct AgentRow {
  std::string owner;
  Standing standing = Standing::kEnabled;
  std::string reason;
  std::vector<std::string> labels;
};

/// What an agent told of itself.
struct AgentFacts {
  std::string agent;
  wire::CapabilitiesT can;
  std::uint32_t slots = 0;
};

/// Those of the agents that are enrolled and not revoked.
Result<std::map<std::string, AgentRow>> agents_by_id(pg::Connection& pg,
                                                     const std::vector<std::string>& ids);
/// Whose row a person changed within the last minute.
Result<std::vector<std::string>> changed_agents(pg::Connection& pg);
/// Writes what agents told, and that they are there.
Result<> note_agents(Leadership& leadership, const std::vector<AgentFacts>& facts);
Result<> note_silent(Leadership& leadership, const std::vector<std::string>& agents);
/// The dispatcher's own judgement on an agent; a person's is not overruled.
Result<> drain_agent(Leadership& leadership, const std::string& agent, const std::string& reason);

}  // namespace worldshare::dispatcher
