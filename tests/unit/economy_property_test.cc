#include <map>
#include <random>

#include "tests/unit/economy_fixture.h"

namespace worldshare::dispatcher {
namespace {

using namespace std::chrono_literals;

/// Random operations; after each of them everything is counted again, slowly.
class EconomyProperty : public EconomyTest {
 protected:
  std::uint32_t below(std::uint32_t n) { return static_cast<std::uint32_t>(random_() % n); }

  std::string agent_name(std::uint32_t n) { return "agent" + std::to_string(n); }
  static std::string owner_of(std::uint32_t n) { return "owner" + std::to_string(n % 5); }

  void new_job() {
    const std::string id = "job" + std::to_string(jobs_.size());
    Job job = make_job(id, static_cast<int>(1 + below(6)), 1 + below(3));
    job.tenant = "t" + std::to_string(below(3));
    job.priority = below(101);
    if (below(4) == 0) job.manifest.requirements->blender = "4.0";
    if (below(4) == 0) job.not_before = now_ + 10s;
    jobs_.push_back(id);
    economy_.add_job(std::move(job), now_);
  }

  void beat() {
    const std::uint32_t n = below(12);
    auto heartbeat = state(agent_name(n), {});
    heartbeat.capabilities->blender = n % 3 == 0 ? "4.1.0" : "3.4.1";
    heartbeat.draining = below(10) == 0;
    for (std::uint32_t slot = 0; slot < 2; ++slot) {
      const auto held = held_.find({agent_name(n), slot});
      if (held == held_.end() || economy_.lease(held->second) == nullptr) {
        heartbeat.free_slots.push_back(slot);
        continue;
      }
      auto progress = std::make_unique<wire::LeaseProgressT>();
      progress->lease = held->second;
      progress->slot = slot;
      progress->phase = wire::LeasePhase::rendering;
      progress->progress = static_cast<float>(below(100)) / 100;
      heartbeat.leases.push_back(std::move(progress));
    }
    free_[agent_name(n)] = heartbeat.draining ? std::vector<std::uint32_t>{} : heartbeat.free_slots;
    seen_[agent_name(n)] = now_;
    blender_[agent_name(n)] = heartbeat.capabilities->blender;
    economy_.heartbeat(owner_of(n), heartbeat, now_);
  }

  void match() {
    for (const auto& lease : economy_.match(now_).leases) {
      const Unit* unit = economy_.unit(lease.unit);
      ASSERT_NE(unit, nullptr);
      for (const auto& other : unit->leases) {
        if (other == lease.id) continue;
        ASSERT_NE(economy_.lease(other)->owner, lease.owner);
      }
      for (const auto& given : given_[lease.unit]) {
        if (!unit->opinions.contains(given.first)) continue;
        ASSERT_NE(given.second, lease.owner);
      }
      given_[lease.unit][lease.id] = lease.owner;
      const auto& slots = free_[lease.agent];
      ASSERT_NE(std::ranges::find(slots, lease.slot), slots.end()) << "the agent did not say so";
      const auto before = held_.find({lease.agent, lease.slot});
      ASSERT_TRUE(before == held_.end() || economy_.lease(before->second) == nullptr) << "taken";
      held_[{lease.agent, lease.slot}] = lease.id;
      live_.push_back(lease);
    }
    nothing_is_left();
  }

  /// No free seat that could do something is left with nothing.
  void nothing_is_left() {
    for (const auto& [agent, slots] : free_) {
      if (now_ - seen_[agent] > options_.roster.silence) continue;
      for (const std::uint32_t slot : slots) {
        const auto held = held_.find({agent, slot});
        if (held != held_.end() && economy_.lease(held->second) != nullptr) continue;
        for (const auto& id : jobs_) {
          const Job* job = economy_.job(id);
          if (job == nullptr || job->not_before > now_ || job->paused) continue;
          if (job->manifest.requirements->blender == "4.0" && blender_[agent] != "4.1.0") continue;
          ASSERT_EQ(job->position, job->ordered) << id << " could open a unit for " << agent;
          for (const auto& [unit_id, owners] : given_) could_not_serve(id, unit_id, agent);
        }
      }
    }
  }

  void could_not_serve(const std::string& job, UnitId unit_id, const std::string& agent) {
    const Unit* unit = economy_.unit(unit_id);
    if (unit == nullptr || unit->job != job) return;
    if (unit->opinions.size() + unit->leases.size() - unit->stragglers >= unit->wanted) return;
    const std::string owner = owner_of(static_cast<std::uint32_t>(std::stoi(agent.substr(5))));
    bool has = false;
    for (const auto& [lease, of] : given_[unit_id]) {
      has =
          has || (of == owner && (unit->leases.contains(lease) || unit->opinions.contains(lease)));
    }
    ASSERT_TRUE(has) << agent << " could serve unit " << unit_id;
  }

  void finish() {
    if (live_.empty()) return;
    const std::size_t index = below(static_cast<std::uint32_t>(live_.size()));
    const Lease lease = live_[index];
    live_.erase(live_.begin() + static_cast<std::ptrdiff_t>(index));
    const Unit* unit = economy_.unit(lease.unit);
    report(lease, below(5) != 0, below(5) != 0);
    if (unit == nullptr) return;
    if (unit->opinions.size() >= unit->wanted) {
      if (below(4) == 0) {
        economy_.want(lease.unit, unit->wanted + 1);
      } else {
        economy_.close_unit(lease.unit, below(5) != 0, "");
      }
    }
  }

  void step() {
    switch (below(10)) {
      case 0: new_job(); break;
      case 1:
      case 2:
      case 3: beat(); break;
      case 4:
      case 5: finish(); break;
      case 6:
        now_ += std::chrono::seconds(below(20));
        for (const auto& failure : economy_.expire(now_).failed)
          economy_.close_unit(failure.unit, false, "");
        break;
      case 7:
        if (!jobs_.empty() && below(6) == 0)
          economy_.drop_job(jobs_[below(static_cast<std::uint32_t>(jobs_.size()))], "");
        break;
      default: match();
    }
  }

  std::mt19937 random_;
  std::vector<std::string> jobs_;
  std::vector<Lease> live_;
  std::map<std::pair<std::string, std::uint32_t>, std::string> held_;
  std::map<std::string, std::vector<std::uint32_t>> free_;
  std::map<std::string, Clock::TimePoint> seen_;
  std::map<std::string, std::string> blender_;
  std::map<UnitId, std::map<std::string, std::string>> given_;
};

TEST_F(EconomyProperty, NoOwnerTwiceNoSlotTwiceAndNoUsefulSeatIdle) {
  options_.lease_initial = options_.lease_extend = 30s;
  options_.straggler_least = 15s;
  options_.roster.drain_faults = 1'000'000;
  options_.roster.heartbeats_per_second = 1e9;
  options_.roster.first_quota = 1'000'000;
  for (unsigned seed = 1; seed <= 25; ++seed) {
    random_.seed(seed);
    for (auto* map : {&held_}) map->clear();
    jobs_.clear();
    live_.clear();
    free_.clear();
    given_.clear();
    restart();
    for (int i = 0; i < 700; ++i) {
      step();
      if (testing::Test::HasFatalFailure()) FAIL() << "seed " << seed << " step " << i;
    }
  }
}

}  // namespace
}  // namespace worldshare::dispatcher
