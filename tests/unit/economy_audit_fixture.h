#pragma once

#include <cstdint>
#include <string>

#include "tests/unit/economy_fixture.h"

namespace worldshare::dispatcher {

/// An economy in which a first result is audited before a second one is asked for.
class EconomyAuditTest : public EconomyTest {
 protected:
  EconomyAuditTest() {
    options_.pair_after_commit = true;
    restart();
  }

  static AuditOrder order(std::int64_t id) { return {id, 7, 256, 32, 0.05, "agent1", 0}; }

  /// Owner 1 has rendered frame 1 of the job.
  Lease rendered(int last = 1) {
    add_job("j", last);
    idle(1);
    const Lease lease = dispatch().at(0);
    report(lease);
    return lease;
  }

  Reported answer(const Lease& lease, bool counts = true, bool rendered = true) {
    return economy_.reported({lease.id, lease.agent, lease.owner, lease.unit, counts, rendered, 1,
                              lease.audit.value().id, lease.trusted()},
                             now_);
  }

  /// Agent n of owner n is connected, and none of its slots is free.
  void busy(int n) {
    economy_.heartbeat("owner" + std::to_string(n), state("agent" + std::to_string(n), {}), now_);
  }

  /// Agent n of owner n, with the job's scene in its cache.
  void idle_with_scene(int n) {
    auto heard = state("agent" + std::to_string(n), {0});
    heard.scenes = {std::string(64, 'a')};
    economy_.heartbeat("owner" + std::to_string(n), heard, now_);
  }
};

}  // namespace worldshare::dispatcher
