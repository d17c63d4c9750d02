#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <stop_token>
#include <string>

#include "agents/swarm/behaviour.h"
#include "agents/swarm/tally.h"
#include "shared/result.h"

namespace worldshare::swarm {

struct SwarmOptions {
  std::string nats_url = "nats://127.0.0.1:4222";
  std::filesystem::path roster;  ///< as made by --make
  std::uint32_t agents = 1;
  std::uint32_t slots = 1;          ///< of each agent
  std::string latency = "fixed:0";  ///< of a render, see Latency::parse()
  bool same_picture = false;        ///< null units
  Troubles troubles;
  double tampering = 0;        ///< share of the agents that cheat, the first ones of the roster
  double tampering_share = 1;  ///< of their units
  bool four_ways = false;      ///< they cheat in four ways in turn, not each by itself alone
  double churn_per_s = 0;      ///< agents that vanish, and come back
  std::chrono::milliseconds churn_away{30'000};
  double connects_per_s = 500;             ///< how fast the swarm comes up
  std::chrono::milliseconds duration{0};   ///< 0: until it is stopped
  std::chrono::milliseconds settle{0};     ///< at the beginning, when times are not counted
  std::filesystem::path assignments_file;  ///< a line for each assignment: unix time in us, frame
  std::uint64_t seed = 1;                  ///< of everything that is drawn
};

/// Runs a swarm until `stop`, or for its duration; it says farewell then. A line of the log every
/// second. kInvalid names the option that is wrong.
Result<Tally> run_swarm(const SwarmOptions& options, std::stop_token stop);

}  // namespace worldshare::swarm
