#include "tests/unit/economy_fixture.h"

#include <numeric>

#include "shared/messages/manifest.h"

namespace worldshare::dispatcher {

using namespace std::chrono_literals;

EconomyTest::EconomyTest() {
  options_.sibling_hold = 0ms;
  options_.heartbeat = 1000ms;
  options_.roster.silence = 5000ms;
  restart();
}

void EconomyTest::restart() {
  economy_ = Economy(options_, [this](std::uint64_t bound) { return draws_++ % bound; });
  std::vector<UnitId> ids(100'000);
  std::iota(ids.begin(), ids.end(), 1);
  economy_.add_unit_ids(std::move(ids));
}

wire::ManifestT EconomyTest::manifest(int last, unsigned replicas, unsigned max_replicas) {
  const std::string json =
      R"({"scene": {"sha256": ")" + std::string(64, 'a') +
      R"(", "size_bytes": 9, "name": "a.blend"}, "frames": {"first": 1, "last": )" +
      std::to_string(last) + R"(}, "output": {"width": 8, "height": 8},)" +
      R"("policy": {"replicas": )" + std::to_string(replicas) + R"(, "max_replicas": )" +
      std::to_string(max_replicas) + R"(}, "requirements": {"blender": "3.4"}})";
  return std::move(*messages::parse_manifest(json));
}

Job EconomyTest::make_job(const std::string& id, int last, unsigned replicas) const {
  Job job;
  job.id = id;
  job.tenant = "tenant";
  job.manifest = manifest(last, replicas);
  job.ordered = static_cast<std::uint32_t>(last);
  job.queued_at = now_;
  return job;
}

void EconomyTest::add_job(const std::string& id, int last, unsigned replicas) {
  economy_.add_job(make_job(id, last, replicas), now_);
}

wire::AgentStateT EconomyTest::state(const std::string& agent,
                                     std::vector<std::uint32_t> free,
                                     std::vector<std::pair<std::string, wire::LeasePhase>> leases,
                                     float progress) {
  wire::AgentStateT out;
  out.agent = agent;
  out.sequence = ++sequence_;
  out.started_ms = 1;
  out.capabilities = std::make_unique<wire::CapabilitiesT>();
  out.capabilities->blender = "3.4.1";
  out.capabilities->engines = {wire::Engine::cycles};
  out.capabilities->memory_bytes = 1U << 30;
  out.free_slots = std::move(free);
  for (const auto& [lease, phase] : leases) {
    auto held = std::make_unique<wire::LeaseProgressT>();
    held->lease = lease;
    held->phase = phase;
    held->progress = progress;
    out.leases.push_back(std::move(held));
  }
  return out;
}

HeartbeatOutcome EconomyTest::idle(int n) {
  return economy_.heartbeat("owner" + std::to_string(n), state("agent" + std::to_string(n), {0}),
                            now_);
}

Grants EconomyTest::dispatch_all() { return economy_.match(now_); }

std::vector<Lease> EconomyTest::dispatch_awake(std::uint32_t seconds) {
  auto heard = state("agent1", {0});
  heard.awake_seconds = seconds;
  now_ += 100ms;
  economy_.heartbeat("owner1", heard, now_);
  return dispatch();
}

Reported EconomyTest::report(const Lease& lease, bool counts, bool rendered) {
  return economy_.reported(
      {lease.id, lease.agent, lease.owner, lease.unit, counts, rendered, 0, 0, false, lease.half},
      now_);
}

}  // namespace worldshare::dispatcher
