#pragma once

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "dispatcher/economy/economy.h"

namespace worldshare::dispatcher {

/// An economy with a clock that the test moves and draws that the test foresees.
class EconomyTest : public testing::Test {
 protected:
  EconomyTest();

  static wire::ManifestT manifest(int last, unsigned replicas = 2, unsigned max_replicas = 3);
  Job make_job(const std::string& id, int last, unsigned replicas = 2) const;
  void add_job(const std::string& id, int last, unsigned replicas = 2);
  wire::AgentStateT state(const std::string& agent,
                          std::vector<std::uint32_t> free,
                          std::vector<std::pair<std::string, wire::LeasePhase>> leases = {},
                          float progress = 0);
  /// Agent n of owner n has one free slot.
  HeartbeatOutcome idle(int n);
  Grants dispatch_all();
  std::vector<Lease> dispatch() { return dispatch_all().leases; }
  /// What goes to agent 1, idle and awake for so many seconds more (0: without an end).
  std::vector<Lease> dispatch_awake(std::uint32_t seconds);
  /// The verdict on a rendered image of that lease.
  Reported report(const Lease& lease, bool counts = true, bool rendered = true);
  /// Starts again with other options.
  void restart();

  EconomyOptions options_;
  std::uint64_t draws_ = 0;
  std::uint64_t sequence_ = 0;
  Clock::TimePoint now_ = from_unix_ms(1'000'000'000);
  Economy economy_{options_, [](std::uint64_t) { return 0; }};
};

}  // namespace worldshare::dispatcher
