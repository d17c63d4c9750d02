#include <chrono>

#include "tests/unit/economy_fixture.h"

namespace worldshare::dispatcher {
namespace {

using namespace std::chrono_literals;

TEST_F(EconomyTest, APausedJobGoesOnWhereItStood) {
  add_job("j", 3, 1);
  idle(1);
  const auto first = dispatch();
  ASSERT_EQ(first.size(), 1U);
  Job paused = make_job("j", 3, 1);
  paused.paused = true;
  economy_.change_job(std::move(paused), now_);
  idle(2);
  EXPECT_TRUE(dispatch().empty());
  EXPECT_EQ(economy_.waiting("j", now_), "it is paused");
  EXPECT_NE(economy_.lease(first[0].id), nullptr) << "what is in work is finished";
  economy_.change_job(make_job("j", 3, 1), now_);
  const auto next = dispatch_all();
  ASSERT_EQ(next.units.size(), 1U);
  EXPECT_EQ(next.units[0].shard.frame, 3) << "the second of the preview";
}

TEST_F(EconomyTest, ACancelledJobIsForgottenAndItsAgentsAreStopped) {
  add_job("j", 3);
  idle(1);
  idle(2);
  const auto leases = dispatch();
  ASSERT_EQ(leases.size(), 2U);
  const auto stop = economy_.drop_job("j", "the job was cancelled");
  EXPECT_EQ(stop.size(), 2U);
  EXPECT_EQ(economy_.unit_count() + economy_.lease_count() + economy_.job_count(), 0U);
  report(leases[0]);
  EXPECT_TRUE(dispatch().empty());
}

TEST_F(EconomyTest, PreviewFramesComeFirst) {
  add_job("j", 9, 1);
  std::vector<std::int32_t> frames;
  for (int n = 1; n <= 9; ++n) idle(n);
  for (const auto& unit : dispatch_all().units) frames.push_back(unit.shard.frame);
  EXPECT_EQ(frames, (std::vector<std::int32_t>{1, 9, 5, 2, 3, 4, 6, 7, 8}));
}

TEST_F(EconomyTest, AFrameThatIsWantedNowIsNextAndIsMadeOnce) {
  add_job("j", 6, 1);
  idle(1);
  dispatch();
  Job job = make_job("j", 6, 1);
  job.first = {3};
  economy_.change_job(std::move(job), now_);
  std::vector<std::int32_t> frames;
  for (int n = 2; n <= 9; ++n) idle(n);
  const auto grants = dispatch_all();
  for (const auto& unit : grants.units) frames.push_back(unit.shard.frame);
  EXPECT_EQ(frames, (std::vector<std::int32_t>{3, 6, 4, 2, 5}));
  ASSERT_EQ(grants.progress.size(), 1U);
  EXPECT_EQ(grants.progress[0].made.size(), 5U);
  EXPECT_TRUE(grants.progress[0].early.empty());
  EXPECT_EQ(grants.progress[0].position, 6U);
}

TEST_F(EconomyTest, AnOpenUnitThatIsWantedNowIsReplicatedBeforeOthers) {
  add_job("j", 4);
  for (int slot = 0; slot < 4; ++slot) {
    economy_.heartbeat("same", state("agent" + std::to_string(slot), {0}), now_);
  }
  const auto first = dispatch_all();
  ASSERT_EQ(first.units.size(), 4U);
  economy_.prefer("j", 3);
  idle(7);
  const auto next = dispatch();
  ASSERT_EQ(next.size(), 1U);
  EXPECT_EQ(economy_.unit(next[0].unit)->shard.frame, 3);
}

TEST_F(EconomyTest, ARangeThatGrowsIsRenderedToItsNewEnd) {
  add_job("j", 2, 1);
  for (int n = 1; n <= 5; ++n) idle(n);
  EXPECT_EQ(dispatch().size(), 2U);
  Job longer = make_job("j", 4, 1);
  longer.ordered = 2;
  longer.position = 2;
  economy_.change_job(std::move(longer), now_);
  std::vector<std::int32_t> frames;
  for (const auto& unit : dispatch_all().units) frames.push_back(unit.shard.frame);
  EXPECT_EQ(frames, (std::vector<std::int32_t>{3, 4}));
}

TEST_F(EconomyTest, AJobComesAfterTheJobsThatItNames) {
  Job later = make_job("later", 1, 1);
  later.after = {"first"};
  add_job("first", 1, 1);
  economy_.add_job(std::move(later), now_);
  for (int n = 1; n <= 3; ++n) idle(n);
  const auto leases = dispatch();
  ASSERT_EQ(leases.size(), 1U);
  EXPECT_EQ(economy_.unit(leases[0].unit)->job, "first");
  EXPECT_EQ(economy_.waiting("later", now_), "it comes after job first");
  economy_.drop_job("first", "");
  economy_.job_completed("first");
  EXPECT_EQ(dispatch().size(), 1U);
}

TEST_F(EconomyTest, AnUrgentJobTakesTheNextFreeSlot) {
  add_job("usual", 1000, 1);
  for (int n = 1; n <= 3; ++n) idle(n);
  dispatch();
  Job urgent = make_job("urgent", 10, 1);
  urgent.tenant = "other";
  urgent.priority = 95;
  economy_.add_job(std::move(urgent), now_);
  idle(4);
  const auto leases = dispatch();
  ASSERT_EQ(leases.size(), 1U);
  EXPECT_EQ(economy_.unit(leases[0].unit)->job, "urgent");
}

TEST_F(EconomyTest, TenantsShareByWeightUnderSaturation) {
  for (int weight : {1, 2, 4}) {
    const std::string tenant = "t" + std::to_string(weight);
    economy_.set_terms(tenant, {.weight = static_cast<double>(weight)});
    Job job = make_job("job" + std::to_string(weight), 1'000'000, 1);
    job.tenant = tenant;
    economy_.add_job(std::move(job), now_);
  }
  std::map<std::string, int> units;
  for (int i = 0, total = 0; total < 10'000; ++i) {
    idle(i % 50);
    for (const auto& lease : dispatch()) {
      if (++total > 10'000) break;
      ++units[economy_.unit(lease.unit)->job];
      report(lease);
      economy_.close_unit(lease.unit, true, "");
    }
    now_ += 50ms;
  }
  for (int weight : {1, 2, 4}) {
    EXPECT_NEAR(units["job" + std::to_string(weight)], 10'000.0 * weight / 7,
                0.05 * 10'000 * weight / 7);
  }
}

TEST_F(EconomyTest, ASceneInTheCacheIsPreferred) {
  add_job("j", 1, 1);
  idle(1);
  auto has = state("agent2", {0});
  has.scenes = {std::string(64, 'a'), std::string(64, 'b')};
  economy_.heartbeat("owner2", has, now_);
  idle(3);
  const auto leases = dispatch();
  ASSERT_EQ(leases.size(), 1U);
  EXPECT_EQ(leases[0].agent, "agent2");
}

TEST_F(EconomyTest, WhoIsSoonDoneIsToldOnceWhichSceneIsLikelyNext) {
  add_job("a", 1, 1);
  idle(1);
  const auto lease = dispatch().at(0);
  const auto soon = [&](int n, const std::string& scene = {}) {
    const std::string number = std::to_string(n);
    auto out = state("agent" + number, {}, {{lease.id, wire::LeasePhase::rendering}});
    out.leases[0]->wants_next = true;
    if (!scene.empty()) out.scenes = {scene};
    return economy_.heartbeat("owner" + number, out, now_).next_job;
  };
  EXPECT_EQ(soon(1), "") << "nothing waits";
  add_job("b", 1, 1);
  EXPECT_EQ(soon(2), "") << "it is not that agent's lease";
  EXPECT_EQ(soon(1, std::string(64, 'a')), "") << "it has the scene";
  EXPECT_EQ(soon(1), "b");
  EXPECT_EQ(soon(1), "") << "one hint a lease";
  EXPECT_EQ(economy_.job("b")->position, 0U) << "nothing was made or given for it";
  EXPECT_EQ(economy_.lease_count(), 1U);
}

TEST_F(EconomyTest, AHintIsNeverForAUnitThatItsOwnerMayNotHave) {
  add_job("a", 1, 2);
  idle(1);
  const auto lease = dispatch().at(0);
  auto out = state("agent1", {}, {{lease.id, wire::LeasePhase::rendering}});
  out.leases[0]->wants_next = true;
  EXPECT_EQ(economy_.heartbeat("owner1", out, now_).next_job, "")
      << "the second replica of its own unit is for another owner";
}

TEST_F(EconomyTest, AStragglersUnitIsGivenToAnotherToo) {
  options_.straggler_least = 10s;
  options_.lease_initial = options_.lease_extend = 10h;
  restart();
  add_job("j", 5, 1);
  for (int i = 0; i < 4; ++i) {
    idle(1);
    const auto lease = dispatch().at(0);
    now_ += 5s;
    report(lease);
    economy_.close_unit(lease.unit, true, "");
  }
  idle(1);
  const auto slow = dispatch().at(0);
  now_ += 19s;
  idle(2);
  EXPECT_TRUE(dispatch().empty());
  now_ += 10s;
  idle(2);
  const auto spare = dispatch();
  ASSERT_EQ(spare.size(), 1U);
  EXPECT_EQ(spare[0].unit, slow.unit);
  now_ += 100s;
  idle(3);
  EXPECT_TRUE(dispatch().empty()) << "one further replica is enough";
  report(spare[0]);
  EXPECT_EQ(economy_.close_unit(slow.unit, true, "done").stop.size(), 1U);
}

TEST_F(EconomyTest, AJobThatNobodyCanServeIsServedAsSoonAsSomebodyCan) {
  Job job = make_job("j", 10, 1);
  job.manifest.requirements->labels = {"studio"};
  economy_.add_job(job, now_);
  idle(1);
  EXPECT_TRUE(dispatch().empty());
  for (int round = 0; round < 3; ++round) {
    economy_.set_labels("agent1", "owner1", {"studio"});
    idle(1);
    const auto leases = dispatch();
    ASSERT_EQ(leases.size(), 1U) << round;
    report(leases[0]);
    economy_.close_unit(leases[0].unit, true, "");
    economy_.set_labels("agent1", "owner1", {});
    idle(1);
    EXPECT_TRUE(dispatch().empty());
  }
}

TEST_F(EconomyTest, AUnitThatTroublesManyOwnersFails) {
  add_job("j", 1, 1);
  for (int n = 1; n <= 5; ++n) {
    idle(n);
    ASSERT_EQ(dispatch().size(), 1U);
    now_ += 301s;
    const auto expired = economy_.expire(now_);
    ASSERT_EQ(expired.failed.size(), n == 5 ? 1U : 0U) << n;
  }
}

TEST_F(EconomyTest, AnAgentThatFailsWhatOthersFinishIsDrained) {
  add_job("j", 20, 1);
  std::vector<Drained> drained;
  for (int i = 0; i < 3; ++i) {
    idle(1);
    const auto bad = dispatch().at(0);
    ASSERT_EQ(bad.agent, "agent1");
    economy_.heartbeat("owner1", state("agent1", {}), now_);
    report(bad, false);
    idle(2);
    const auto good = dispatch().at(0);
    ASSERT_EQ(good.agent, "agent2");
    economy_.heartbeat("owner2", state("agent2", {}), now_);
    report(good);
    std::ranges::move(economy_.close_unit(good.unit, true, "").drained,
                      std::back_inserter(drained));
    now_ += 100ms;
  }
  ASSERT_EQ(drained.size(), 1U);
  EXPECT_EQ(drained[0].agent, "agent1");
  EXPECT_NE(drained[0].reason.find("3 units failed"), std::string::npos) << drained[0].reason;
  idle(1);
  EXPECT_TRUE(dispatch().empty());
  economy_.set_standing("agent1", "owner1", Standing::kEnabled, "");
  EXPECT_EQ(dispatch().size(), 1U) << "a person may let it work again";
}

TEST_F(EconomyTest, AJobWithLabelsGoesToAgentsThatHaveThemAll) {
  Job job = make_job("j", 2, 1);
  job.manifest.requirements->labels = {"studio", "fast"};
  economy_.add_job(std::move(job), now_);
  economy_.set_labels("agent1", "owner1", {"studio"});
  economy_.set_labels("agent2", "owner2", {"fast", "studio", "attic"});
  idle(1);
  EXPECT_TRUE(dispatch().empty());
  EXPECT_EQ(economy_.waiting("j", now_), "the agent does not have the label fast");
  idle(2);
  const auto leases = dispatch();
  ASSERT_EQ(leases.size(), 1U);
  EXPECT_EQ(leases[0].agent, "agent2");
  economy_.set_labels("agent1", "owner1", {"fast", "studio"});
  now_ += 100ms;
  idle(1);
  EXPECT_EQ(dispatch().size(), 1U) << "with its next heartbeat the agent is what its operator says";
}

TEST_F(EconomyTest, AUnitsReplicasGoToOneRenderClassWhereTheyCan) {
  add_job("j", 2);
  const auto heard = [&](int n, const std::string& render_class) {
    auto said = state("agent" + std::to_string(n), {0});
    said.capabilities->render_class = render_class;
    economy_.heartbeat("owner" + std::to_string(n), said, now_);
  };
  heard(1, "blender-3_4-cpu-sse41");
  const auto first = dispatch();
  ASSERT_EQ(first.size(), 1U);
  for (int n = 2; n < 6; ++n) heard(n, "blender-3_4-cpu-avx2");
  heard(6, "blender-3_4-cpu-sse41");
  for (const auto& lease : dispatch()) {
    if (lease.unit == first[0].unit) {
      EXPECT_EQ(lease.agent, "agent6");
    }
  }
  restart();
  add_job("k", 1);
  heard(1, "blender-3_4-cpu-sse41");
  heard(2, "blender-3_4-cpu-avx2");
  EXPECT_EQ(dispatch().size(), 2U) << "nobody waits for an agent of the class that is not there";
}

TEST_F(EconomyTest, NoLongUnitGoesToAnAgentThatSoonSleeps) {
  Job job = make_job("j", 3, 1);
  job.manifest.estimate->seconds_per_frame = 500;
  job.manifest.sharding->mode = wire::ShardMode::frames;
  economy_.add_job(std::move(job), now_);
  EXPECT_TRUE(dispatch_awake(400).empty());
  EXPECT_EQ(economy_.waiting("j", now_),
            "the agent's schedule stops it before a unit would be done");
  EXPECT_TRUE(dispatch_awake(1).empty());
  EXPECT_EQ(dispatch_awake(3600).size(), 1U);
}

TEST_F(EconomyTest, WhatUnitsReallyTakeDecidesWhoIsAwakeLongEnough) {
  add_job("j", 20, 1);
  const auto first = dispatch_awake(120);
  ASSERT_EQ(first.size(), 1U) << "nobody knows yet how long a frame takes";
  economy_.reported({first[0].id, "agent1", "owner1", first[0].unit, true, true, 900}, now_);
  economy_.close_unit(first[0].unit, true, "");
  EXPECT_TRUE(dispatch_awake(120).empty()) << "a frame took a quarter of an hour";
  EXPECT_EQ(dispatch_awake(0).size(), 1U) << "an agent without a schedule has no end";
}

TEST_F(EconomyTest, SomeoneElsesLeaseIsNotTouchedByAHeartbeat) {
  add_job("j", 1, 1);
  idle(1);
  const auto lease = dispatch().at(0);
  const auto outcome = economy_.heartbeat(
      "owner2", state("agent2", {}, {{lease.id, wire::LeasePhase::reported}}), now_);
  EXPECT_TRUE(outcome.stop.empty());
  EXPECT_EQ(economy_.lease(lease.id)->phase, wire::LeasePhase::fetching);
  EXPECT_EQ(
      economy_
          .heartbeat("owner2", state("agent2", {}, {{lease.id, wire::LeasePhase::rendering}}), now_)
          .stop.size(),
      1U);
}

TEST_F(EconomyTest, AFloodOfHeartbeatsIsNotRead) {
  add_job("j", 1, 1);
  for (int i = 0; i < 1000; ++i) economy_.heartbeat("owner1", state("agent1", {}), now_);
  EXPECT_GE(economy_.counters().heartbeats_refused, 900U);
  now_ += 2s;
  idle(1);
  EXPECT_EQ(dispatch().size(), 1U) << "later it is heard again";
}

TEST_F(EconomyTest, AHeartbeatCannotCauseManyStops) {
  std::vector<std::pair<std::string, wire::LeasePhase>> claims;
  for (int i = 0; i < 5000; ++i)
    claims.emplace_back("x" + std::to_string(i), wire::LeasePhase::rendering);
  EXPECT_LE(economy_.heartbeat("owner1", state("agent1", {}, claims), now_).stop.size(), 64U);
}

TEST_F(EconomyTest, AClockAYearOffChangesNothing) {
  add_job("j", 2, 1);
  auto odd = state("agent1", {0});
  odd.started_ms = unix_ms(now_ + 8760h);
  economy_.heartbeat("owner1", odd, now_);
  const auto leases = dispatch();
  ASSERT_EQ(leases.size(), 1U);
  EXPECT_EQ(leases[0].expires_at, now_ + options_.lease_initial);
}

TEST_F(EconomyTest, AMillionFramesCostWhatTheirOpenUnitsCost) {
  const auto begin = std::chrono::steady_clock::now();
  add_job("j", 1'000'000, 1);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 1s);
  EXPECT_EQ(economy_.unit_count(), 0U);
}

}  // namespace
}  // namespace worldshare::dispatcher
