#include "tests/unit/economy_fixture.h"

namespace worldshare::dispatcher {
namespace {

using namespace std::chrono_literals;

TEST_F(EconomyTest, ReplicasOfAUnitGoToDifferentOwners) {
  add_job("j", 10);
  for (int n : {1, 2, 3}) idle(n);
  std::set<std::pair<UnitId, std::string>> pairs;
  const auto leases = dispatch();
  EXPECT_EQ(leases.size(), 3U);
  for (const auto& lease : leases) EXPECT_TRUE(pairs.emplace(lease.unit, lease.owner).second);
}

TEST_F(EconomyTest, TwoAgentsOfOneOwnerNeverShareAUnit) {
  add_job("j", 1);
  economy_.heartbeat("same", state("agent1", {0}), now_);
  economy_.heartbeat("same", state("agent2", {0}), now_);
  EXPECT_EQ(dispatch().size(), 1U);
  EXPECT_TRUE(dispatch().empty());
  const auto lease = economy_.unit(1)->leases;
  economy_.reported({*lease.begin(), "agent1", "same", 1}, now_);
  idle(1);
  EXPECT_EQ(economy_.waiting("j", now_), "");
}

TEST_F(EconomyTest, UnitsAreMadeForFreeSlotsOnly) {
  add_job("j", 1'000'000);
  idle(1);
  idle(2);
  dispatch();
  EXPECT_EQ(economy_.job("j")->position, 1U) << "two replicas of the first frame";
  EXPECT_EQ(economy_.unit_count(), 1U);
  EXPECT_TRUE(dispatch().empty());
}

TEST_F(EconomyTest, AnOpenUnitIsFinishedBeforeANewOneIsOpened) {
  add_job("j", 10);
  idle(1);
  const auto first = dispatch();
  ASSERT_EQ(first.size(), 1U);
  idle(2);
  const auto second = dispatch();
  ASSERT_EQ(second.size(), 1U);
  EXPECT_EQ(second[0].unit, first[0].unit);
}

TEST_F(EconomyTest, ALeaseThatTheAgentDoesNotListIsSentAgain) {
  add_job("j", 1);
  idle(1);
  const auto leases = dispatch();
  EXPECT_TRUE(idle(1).resend.empty()) << "the assignment may still be on its way";
  now_ += 2500ms;
  EXPECT_EQ(idle(1).resend, std::vector<std::string>{leases[0].id});
  EXPECT_TRUE(dispatch().empty()) << "the slot is taken all the same";
}

TEST_F(EconomyTest, AnAgentThatStartsAnewIsSentItsLeasesAtOnce) {
  add_job("j", 1);
  idle(1);
  const auto leases = dispatch();
  now_ += 1s;
  auto anew = state("agent1", {0});
  anew.started_ms = 2;
  EXPECT_EQ(economy_.heartbeat("owner1", anew, now_).resend,
            std::vector<std::string>{leases[0].id});
  economy_.sent(leases[0].id, now_);
  auto again = state("agent1", {0});
  again.started_ms = 3;
  EXPECT_TRUE(economy_.heartbeat("owner1", again, now_).resend.empty()) << "not all the time";
  now_ += 1s;
  auto holds = state("agent1", {}, {{leases[0].id, wire::LeasePhase::fetching}});
  holds.started_ms = 4;
  EXPECT_TRUE(economy_.heartbeat("owner1", holds, now_).resend.empty()) << "it has it";
}

TEST_F(EconomyTest, ALeaseThatIsHandedBackGoesToAnotherAtOnceAndSpeaksAgainstNobody) {
  add_job("j", 1, 1);
  idle(1);
  const auto lease = dispatch().at(0);
  idle(2);
  EXPECT_TRUE(dispatch().empty());
  const auto said = state("agent1", {}, {{lease.id, wire::LeasePhase::returned}});
  EXPECT_EQ(economy_.heartbeat("owner1", said, now_).returned, std::vector<std::string>{lease.id});
  const auto next = dispatch();
  ASSERT_EQ(next.size(), 1U);
  EXPECT_EQ(next[0].agent, "agent2");
  EXPECT_EQ(next[0].unit, lease.unit);
  EXPECT_TRUE(economy_.unit(lease.unit)->troubled.empty());
  const auto again = economy_.heartbeat(
      "owner1", state("agent1", {}, {{lease.id, wire::LeasePhase::returned}}), now_);
  EXPECT_TRUE(again.returned.empty());
  EXPECT_TRUE(again.stop.empty()) << "it is over, and the agent knows";
  const auto foreign = state("agent1", {}, {{next[0].id, wire::LeasePhase::returned}});
  EXPECT_TRUE(economy_.heartbeat("owner1", foreign, now_).returned.empty());
  EXPECT_NE(economy_.lease(next[0].id), nullptr) << "it belongs to another";
}

TEST_F(EconomyTest, AReportedLeaseCannotBeHandedBack) {
  add_job("j", 1, 1);
  idle(1);
  const auto lease = dispatch().at(0);
  for (const auto phase : {wire::LeasePhase::reported, wire::LeasePhase::returned})
    economy_.heartbeat("owner1", state("agent1", {}, {{lease.id, phase}}), now_);
  EXPECT_NE(economy_.lease(lease.id), nullptr) << "its result may be under way";
}

TEST_F(EconomyTest, AStrangersLeaseIsStopped) {
  const auto outcome = economy_.heartbeat(
      "owner1", state("agent1", {}, {{"gone", wire::LeasePhase::rendering}}), now_);
  ASSERT_EQ(outcome.stop.size(), 1U);
  EXPECT_EQ(outcome.stop[0].lease, "gone");
}

TEST_F(EconomyTest, OnlyProgressExtendsALease) {
  add_job("j", 1);
  options_.lease_initial = options_.lease_extend = 10'000ms;
  restart();
  add_job("j", 1);
  idle(1);
  const std::string lease = dispatch().at(0).id;
  now_ += 9s;
  economy_.heartbeat("owner1", state("agent1", {}, {{lease, wire::LeasePhase::rendering}}, 0.5F),
                     now_);
  now_ += 9s;
  EXPECT_TRUE(economy_.expire(now_).leases.empty());
  economy_.heartbeat("owner1", state("agent1", {}, {{lease, wire::LeasePhase::rendering}}, 0.5F),
                     now_);
  now_ += 2s;
  const auto expired = economy_.expire(now_);
  ASSERT_EQ(expired.leases, std::vector<std::string>{lease})
      << "a render that stands still loses its lease";
  EXPECT_EQ(expired.stop.size(), 1U);
}

TEST_F(EconomyTest, WhoSaysThatItReportedIsBelievedOnceAndForAShortTime) {
  options_.lease_initial = 5s;
  options_.report_grace = 10s;
  restart();
  add_job("j", 1);
  idle(1);
  const std::string lease = dispatch().at(0).id;
  const auto say = [&](float progress) {
    economy_.heartbeat("owner1",
                       state("agent1", {}, {{lease, wire::LeasePhase::reported}}, progress), now_);
  };
  say(0.1F);
  now_ += 9s;
  say(0.2F);
  now_ += 1s;
  EXPECT_EQ(economy_.expire(now_).leases, std::vector<std::string>{lease});
}

TEST_F(EconomyTest, ProgressDoesNotKeepALeaseForEver) {
  options_.lease_initial = options_.lease_extend = 60s;
  options_.lease_longest = 10min;
  restart();
  add_job("j", 1);
  idle(1);
  const std::string lease = dispatch().at(0).id;
  float progress = 0;
  std::vector<std::string> expired;
  for (int second = 0; second < 660 && expired.empty(); second += 30) {
    progress += 1e-6F;
    economy_.heartbeat("owner1",
                       state("agent1", {}, {{lease, wire::LeasePhase::rendering}}, progress), now_);
    now_ += 30s;
    expired = economy_.expire(now_).leases;
  }
  EXPECT_EQ(expired, std::vector<std::string>{lease});
  EXPECT_EQ(now_ - from_unix_ms(1'000'000'000), 10min);
}

TEST_F(EconomyTest, WhoseResultsNobodyHasJudgedGetsNoMore) {
  options_.roster.first_quota = 2;
  restart();
  add_job("j", 100, 1);
  std::vector<Lease> leases;
  for (int round = 0; round < 50; ++round) {
    std::vector<std::pair<std::string, wire::LeasePhase>> said;
    for (const auto& lease : leases) said.emplace_back(lease.id, wire::LeasePhase::reported);
    economy_.heartbeat("owner1", state("agent1", {0, 1}, said), now_);
    for (auto& lease : dispatch()) leases.push_back(std::move(lease));
  }
  ASSERT_EQ(leases.size(), 8U) << "four times its quota";
  for (const auto& lease : leases) {
    report(lease);
    economy_.close_unit(lease.unit, true, "");
  }
  economy_.heartbeat("owner1", state("agent1", {0, 1}), now_);
  EXPECT_EQ(dispatch().size(), 2U);
}

TEST_F(EconomyTest, ARowFollowsOnlyBeforeItsTimeIsOver) {
  add_job("j", 1);
  idle(1);
  const std::string lease = dispatch().at(0).id;
  const auto render = [&](float progress) {
    economy_.heartbeat("owner1",
                       state("agent1", {}, {{lease, wire::LeasePhase::rendering}}, progress), now_);
  };
  now_ += 200s;  // of the 300 that its row gives it
  render(0.25F);
  EXPECT_TRUE(economy_.take_extended(now_).empty()) << "its row has time left";
  now_ += 60s;
  EXPECT_EQ(economy_.lease(lease)->expires_at, now_ + 60s);
  EXPECT_EQ(economy_.take_extended(now_).size(), 1U) << "the row says 300, the lease 320";
  EXPECT_TRUE(economy_.take_extended(now_).empty()) << "there is no more to tell";
  now_ += 30s;
  EXPECT_TRUE(economy_.take_extended(now_).empty()) << "a render that stands still is not extended";
  render(0.5F);
  const auto extended = economy_.take_extended(now_);
  ASSERT_EQ(extended.size(), 1U);
  EXPECT_EQ(extended[0].expires_at, now_ + options_.lease_extend);
}

TEST_F(EconomyTest, NotANumberIsNoProgress) {
  add_job("j", 1);
  idle(1);
  const std::string lease = dispatch().at(0).id;
  const auto before = economy_.lease(lease)->expires_at;
  now_ += 200s;
  economy_.heartbeat("owner1",
                     state("agent1", {}, {{lease, wire::LeasePhase::fetching}},
                           std::numeric_limits<float>::quiet_NaN()),
                     now_);
  EXPECT_EQ(economy_.lease(lease)->expires_at, before);
}

TEST_F(EconomyTest, AnExpiredLeaseIsGrantedAgainEvenToTheSameOwner) {
  add_job("j", 1);
  idle(1);
  dispatch();
  now_ += 301s;
  ASSERT_EQ(economy_.expire(now_).leases.size(), 1U);
  idle(1);
  EXPECT_EQ(dispatch().size(), 1U);
}

TEST_F(EconomyTest, AUnitThatLosesEveryLeaseFails) {
  add_job("j", 1);
  for (unsigned i = 0; i <= options_.max_expiries; ++i) {
    idle(1);
    ASSERT_EQ(dispatch().size(), 1U) << i;
    now_ += 301s;
    const auto expired = economy_.expire(now_);
    ASSERT_EQ(expired.failed.empty(), i < options_.max_expiries) << i;
  }
}

TEST_F(EconomyTest, ARepeatedVerdictIsCountedOnce) {
  add_job("j", 1);
  idle(1);
  const auto lease = dispatch().at(0);
  report(lease);
  report(lease);
  EXPECT_EQ(economy_.unit(lease.unit)->opinions.size(), 1U);
  idle(2);
  EXPECT_EQ(dispatch().size(), 1U);
}

TEST_F(EconomyTest, DisagreementAsksOneMoreOwner) {
  add_job("j", 1);
  for (int n : {1, 2}) idle(n);
  for (const auto& lease : dispatch()) report(lease);
  for (int n : {1, 2}) idle(n);
  economy_.want(1, 3);
  EXPECT_TRUE(dispatch().empty());
  EXPECT_EQ(economy_.waiting("j", now_),
            "frame 1 needs another volunteer: all 2 that are connected have rendered it");
  idle(3);
  const auto third = dispatch();
  ASSERT_EQ(third.size(), 1U);
  EXPECT_EQ(third[0].owner, "owner3");
}

TEST_F(EconomyTest, UselessResultsFailAUnitWhenTheyAreOfManyOwnersOrVeryMany) {
  const auto useless = [&](const std::function<int(int)>& owner_of) {
    options_.poison_owners = 1000;
    restart();
    add_job("j", 1, 1);
    const int limit = static_cast<int>(economy_.job("j")->manifest.policy->max_replicas);
    for (int n = 1; n <= 100; ++n) {
      idle(owner_of(n));
      if (report(dispatch().at(0), false).failed) return n - limit;
    }
    return 100;
  };
  EXPECT_EQ(useless([](int n) { return n; }), 1) << "one owner more than the manifest allows";
  EXPECT_GT(useless([](int) { return 1; }), 4) << "one owner alone is borne longer";
  EXPECT_LT(useless([](int) { return 1; }), 90) << "not for ever";
}

TEST_F(EconomyTest, AVoidResultIsReplacedByAnotherOwnerFirst) {
  add_job("j", 1, 1);
  idle(1);
  const auto lease = dispatch().at(0);
  report(lease, false);
  idle(1);
  idle(2);
  const auto again = dispatch();
  ASSERT_EQ(again.size(), 1U);
  EXPECT_EQ(again[0].owner, "owner2");
}

TEST_F(EconomyTest, ALateResultEndsTheSameOwnersNewerLease) {
  add_job("j", 1);
  idle(1);
  const auto old = dispatch().at(0);
  now_ += 301s;
  economy_.expire(now_);
  idle(1);
  const auto fresh = dispatch().at(0);
  const auto reported = report(old);
  ASSERT_EQ(reported.stop.size(), 1U);
  EXPECT_EQ(reported.stop[0].lease, fresh.id);
}

TEST_F(EconomyTest, AClosedUnitStopsItsOtherAgents) {
  add_job("j", 1);
  for (int n : {1, 2}) idle(n);
  const auto leases = dispatch();
  EXPECT_EQ(economy_.close_unit(leases[0].unit, true, "finished").stop.size(), 2U);
  EXPECT_EQ(economy_.lease(leases[0].id), nullptr);
}

TEST_F(EconomyTest, AnAgentThatCannotRenderTheSceneIsNotAsked) {
  Job job = make_job("j", 1);
  job.manifest.requirements->blender = "4.2";
  economy_.add_job(std::move(job), now_);
  idle(1);
  EXPECT_TRUE(dispatch().empty());
  EXPECT_EQ(economy_.waiting("j", now_), "the scene needs Blender 4.2, the agent has 3.4.1");
}

TEST_F(EconomyTest, ASilentOrDrainingAgentGetsNothing) {
  add_job("j", 2);
  idle(1);
  auto draining = state("agent2", {0});
  draining.draining = true;
  economy_.heartbeat("owner2", std::move(draining), now_);
  now_ += 6s;
  EXPECT_TRUE(dispatch().empty());
  EXPECT_EQ(economy_.waiting("j", now_), "no agent is connected");
}

TEST_F(EconomyTest, AMillionFreeSlotsAreNotBelieved) {
  add_job("j", 1'000'000, 1);
  std::vector<std::uint32_t> slots(100'000);
  for (std::uint32_t i = 0; i < slots.size(); ++i) slots[i] = i;
  economy_.heartbeat("owner1", state("agent1", slots), now_);
  const auto leases = dispatch();
  EXPECT_FALSE(leases.empty());
  EXPECT_LE(leases.size(), 64U);
}

}  // namespace
}  // namespace worldshare::dispatcher
