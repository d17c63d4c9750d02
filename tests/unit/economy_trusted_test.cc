#include <algorithm>

#include "tests/unit/economy_audit_fixture.h"

// Trusted hardware: it does the audits that are for it, and nothing else.

namespace worldshare::dispatcher {
namespace {

using namespace std::chrono_literals;

class EconomyTrustedTest : public EconomyAuditTest {
 protected:
  static AuditOrder tiles(std::int64_t id) {
    AuditOrder out = order(id);
    out.trusted = true;
    return out;
  }

  static AuditOrder picture(std::int64_t id) {
    AuditOrder out = tiles(id);
    out.tiles = 0;
    return out;
  }

  void appoint(int n, bool trusted = true) {
    economy_.set_trusted("owner" + std::to_string(n), trusted);
  }

  /// Agent n of owner n has free slots that render as that class does.
  void idle_as(int n, const std::string& render_class, std::vector<std::uint32_t> slots = {0}) {
    auto heard = state("agent" + std::to_string(n), std::move(slots));
    heard.capabilities->render_class = render_class;
    economy_.heartbeat("owner" + std::to_string(n), heard, now_);
  }

  /// Owner 1 has rendered frame 1 of the job, as that class does.
  Lease rendered_as(const std::string& render_class) {
    add_job("j", 1);
    idle_as(1, render_class);
    const Lease lease = dispatch().at(0);
    report(lease);
    return lease;
  }

  void pass_patience() { now_ += options_.audit_patience + 1ms; }

  /// The leases of an owner who is appointed while it renders a replica of a unit, and then gets an
  /// order of the same.
  struct AtWork {
    UnitId unit = 0;
    Lease replica;
    Lease trusted;
  };
  AtWork appointed_at_work() {
    AtWork out;
    out.unit = rendered().unit;
    economy_.want(out.unit, 2);
    idle(9);
    out.replica = dispatch().at(0);
    appoint(9);
    economy_.heartbeat("owner9",
                       state("agent9", {1}, {{out.replica.id, wire::LeasePhase::rendering}}), now_);
    economy_.set_audits(out.unit, {picture(1)});
    out.trusted = dispatch().at(0);
    return out;
  }
};

TEST_F(EconomyTrustedTest, DoesItsOrdersAndNothingElse) {
  const Lease first = rendered(9);
  busy(1);
  appoint(9);
  idle(9);
  EXPECT_TRUE(dispatch().empty()) << "eight frames wait, for volunteers";
  economy_.set_audits(first.unit, {order(1), tiles(2), picture(3)});
  economy_.want(first.unit, 2);
  idle(9);
  const auto tile_lease = dispatch();
  ASSERT_EQ(tile_lease.size(), 1U);
  EXPECT_EQ(tile_lease[0].audit->id, 2);
  EXPECT_TRUE(tile_lease[0].trusted());
  answer(tile_lease[0]);
  idle(9);
  const auto picture_lease = dispatch();
  ASSERT_EQ(picture_lease.size(), 1U);
  EXPECT_EQ(picture_lease[0].audit->id, 3);
  EXPECT_TRUE(picture_lease[0].audit->whole());
  answer(picture_lease[0]);
  idle(9);
  EXPECT_TRUE(dispatch().empty()) << "an audit, a replica and frames wait, for volunteers";
  EXPECT_EQ(economy_.unit(first.unit)->opinions.size(), 1U);
  EXPECT_EQ(economy_.counters().trusted, 2U);
}

TEST_F(EconomyTrustedTest, VolunteersNeverGetItsOrders) {
  const Lease first = rendered();
  economy_.set_audits(first.unit, {tiles(1), picture(2)});
  for (int n = 1; n <= 8; ++n) idle(n);
  EXPECT_TRUE(dispatch().empty());
  economy_.set_audits(first.unit, {tiles(1), order(3), picture(2)});
  const auto leases = dispatch();
  ASSERT_EQ(leases.size(), 1U);
  EXPECT_EQ(leases[0].audit->id, 3);
  EXPECT_FALSE(leases[0].trusted());
}

TEST_F(EconomyTrustedTest, GoesBeforeEverythingElseAndNotBeyondTheLimit) {
  const Lease first = rendered(9);
  appoint(9);
  economy_.heartbeat("owner9", state("agent9", {0, 1}), now_);
  for (int n = 2; n <= 4; ++n) idle(n);
  economy_.set_audits(first.unit, {tiles(1), tiles(2)});
  const auto one = economy_.match(now_, 1).leases;
  ASSERT_EQ(one.size(), 1U);
  EXPECT_EQ(one[0].audit->id, 1);
  const auto three = economy_.match(now_, 3).leases;
  ASSERT_EQ(three.size(), 3U);
  EXPECT_EQ(three[0].audit->id, 2);
  EXPECT_FALSE(three[1].audit);
}

TEST_F(EconomyTrustedTest, LooksAtOneUnitAsOftenAsItIsAskedTo) {
  const Lease first = rendered();
  appoint(9);
  economy_.heartbeat("owner9", state("agent9", {0, 1}), now_);
  economy_.set_audits(first.unit, {tiles(1), tiles(2)});
  const auto both = dispatch();
  ASSERT_EQ(both.size(), 2U);
  EXPECT_EQ(both[0].owner, "owner9");
  EXPECT_EQ(both[1].owner, "owner9");
  EXPECT_NE(both[0].slot, both[1].slot);
  EXPECT_TRUE(answer(both[0]).stop.empty()) << "the other one is of use all the same";
  EXPECT_NE(economy_.lease(both[1].id), nullptr);
  answer(both[1]);
  economy_.set_audits(first.unit, {picture(3)});
  idle(9);
  const auto again = dispatch();
  ASSERT_EQ(again.size(), 1U);
  EXPECT_EQ(again[0].owner, "owner9");
  answer(again[0]);
  const Unit& unit = *economy_.unit(first.unit);
  EXPECT_EQ(unit.owners.size(), 1U) << "owner 1, who rendered it";
  EXPECT_EQ(unit.opinion_owners.size(), 1U);
  EXPECT_TRUE(unit.audits.empty());
  EXPECT_EQ(unit.auditing, 0U);
}

TEST_F(EconomyTrustedTest, AnOrderIsGivenToOneAtATime) {
  const Lease first = rendered();
  for (const int n : {8, 9}) {
    appoint(n);
    idle(n);
  }
  economy_.set_audits(first.unit, {picture(1)});
  EXPECT_EQ(dispatch().size(), 1U);
  EXPECT_TRUE(dispatch().empty());
}

TEST_F(EconomyTrustedTest, TilesAreForWhoRendersAlikeAndAPictureForWhoeverCan) {
  const Lease first = rendered_as("cuda");
  appoint(8);
  appoint(9);
  idle_as(9, "optix");
  economy_.set_audits(first.unit, {tiles(1)});
  EXPECT_TRUE(dispatch().empty());
  economy_.set_audits(first.unit, {tiles(1), picture(2)});
  const auto whole = dispatch();
  ASSERT_EQ(whole.size(), 1U) << "the tiles, which came before, keep it from nothing";
  EXPECT_EQ(whole[0].audit->id, 2);
  EXPECT_EQ(whole[0].owner, "owner9");
  idle_as(8, "cuda");
  const auto part = dispatch();
  ASSERT_EQ(part.size(), 1U);
  EXPECT_EQ(part[0].audit->id, 1);
  EXPECT_EQ(part[0].owner, "owner8");
}

TEST_F(EconomyTrustedTest, WithoutTheAuditedAgentTheClassOfTheUnitIsAskedFor) {
  const Lease first = rendered_as("cuda");
  AuditOrder strange = tiles(1);
  strange.agent = "gone";
  economy_.set_audits(first.unit, {strange});
  appoint(8);
  appoint(9);
  idle_as(9, "optix");
  EXPECT_TRUE(dispatch().empty());
  idle_as(8, "cuda");
  EXPECT_EQ(dispatch().at(0).owner, "owner8");
}

TEST_F(EconomyTrustedTest, WhoCannotRenderTheSceneIsNotAsked) {
  const Lease first = rendered();
  appoint(9);
  auto old = state("agent9", {0});
  old.capabilities->blender = "3.3.0";
  economy_.heartbeat("owner9", old, now_);
  economy_.set_audits(first.unit, {picture(1)});
  EXPECT_TRUE(dispatch().empty());
}

TEST_F(EconomyTrustedTest, PrefersWhoHasTheScene) {
  const Lease first = rendered();
  for (const int n : {7, 8, 9}) appoint(n);
  idle(7);
  idle_with_scene(8);
  idle(9);
  economy_.set_audits(first.unit, {picture(1)});
  EXPECT_EQ(dispatch().at(0).owner, "owner8");
}

TEST_F(EconomyTrustedTest, WhoIsBusyIsWaitedFor) {
  const Lease first = rendered();
  appoint(9);
  busy(9);
  economy_.set_audits(first.unit, {picture(1)});
  for (int minute = 0; minute < 3; ++minute) {
    pass_patience();
    busy(9);
    for (int n = 1; n <= 4; ++n) idle(n);
    EXPECT_TRUE(dispatch().empty());
    EXPECT_EQ(economy_.waiting("j", now_),
              "frame 1 waits for trusted hardware: what is connected is busy");
  }
  idle(9);
  EXPECT_EQ(dispatch().at(0).owner, "owner9");
  EXPECT_EQ(economy_.waiting("j", now_), "");
}

TEST_F(EconomyTrustedTest, WithoutItAVolunteerRendersWhenTimeIsUp) {
  const Lease first = rendered();
  economy_.set_audits(first.unit, {order(1), order(2)});
  idle(2);
  idle(3);
  for (const auto& audit : dispatch()) answer(audit);
  appoint(9);
  idle(9);
  economy_.set_audits(first.unit, {picture(3)});
  now_ += options_.roster.silence + 1ms;
  for (int n = 1; n <= 8; ++n) idle(n);
  EXPECT_TRUE(dispatch().empty()) << "owner 9 has gone, and may come back";
  EXPECT_EQ(economy_.waiting("j", now_),
            "frame 1 waits for trusted hardware: none that is connected can look at it");
  pass_patience();
  for (int n = 1; n <= 8; ++n) idle(n);
  const auto leases = dispatch();
  ASSERT_EQ(leases.size(), 1U);
  EXPECT_FALSE(leases[0].audit);
  EXPECT_TRUE(leases[0].instead_of_audits);
  for (const char* owner : {"owner1", "owner2", "owner3"}) EXPECT_NE(leases[0].owner, owner);
  economy_.set_audits(first.unit, {order(4), picture(3)});
  idle(9);
  EXPECT_TRUE(dispatch().empty()) << "the trust engine decides without them";
  report(leases[0]);
  economy_.set_audits(first.unit, {});
  economy_.set_audits(first.unit, {tiles(5)});
  idle(9);
  EXPECT_EQ(dispatch().at(0).owner, "owner9");
  EXPECT_EQ(economy_.counters().unaudited, 1U);
}

TEST_F(EconomyTrustedTest, OfAnotherClassItIsAsGoodAsNoneForTiles) {
  const Lease first = rendered_as("cuda");
  appoint(9);
  economy_.set_audits(first.unit, {tiles(1)});
  const auto all = [&] {
    idle_as(1, "cuda");
    idle_as(2, "optix");
    idle_as(9, "optix");
  };
  all();
  EXPECT_TRUE(dispatch().empty());
  pass_patience();
  all();
  const auto leases = dispatch();
  ASSERT_EQ(leases.size(), 1U);
  EXPECT_EQ(leases[0].owner, "owner2");
  EXPECT_TRUE(leases[0].instead_of_audits);
}

TEST_F(EconomyTrustedTest, WhereNobodyCouldRenderEitherItIsLookedAtAgain) {
  const Lease first = rendered();
  economy_.set_audits(first.unit, {picture(1)});
  for (int minute = 0; minute < 3; ++minute) {
    pass_patience();
    idle(1);
    EXPECT_TRUE(dispatch().empty()) << "owner 1 rendered it";
  }
  idle(2);
  EXPECT_TRUE(dispatch().empty());
  pass_patience();
  idle(2);
  const auto leases = dispatch();
  ASSERT_EQ(leases.size(), 1U);
  EXPECT_EQ(leases[0].owner, "owner2");
  EXPECT_TRUE(leases[0].instead_of_audits);
}

TEST_F(EconomyTrustedTest, IsNoVolunteerWhoCouldAuditOrRender) {
  const Lease first = rendered();
  appoint(9);
  economy_.set_audits(first.unit, {order(1)});
  idle(9);
  pass_patience();
  idle(1);
  idle(9);
  EXPECT_TRUE(dispatch().empty());
  EXPECT_FALSE(economy_.unit(first.unit)->unaudited) << "nobody could render it instead";
  EXPECT_EQ(economy_.depths().needs.at(0).free_seats, 1U);
  economy_.set_audits(first.unit, {});
  economy_.want(first.unit, 2);
  EXPECT_EQ(economy_.waiting("j", now_),
            "frame 1 needs another volunteer: all 1 that are connected have rendered it");
}

TEST_F(EconomyTrustedTest, AnOwnerIsAppointedAndRelievedWhileItsSeatsAreFree) {
  const Lease first = rendered(2);
  economy_.set_audits(first.unit, {picture(1)});
  appoint(9);
  idle(9);
  appoint(9, false);
  const auto frame = dispatch();
  ASSERT_EQ(frame.size(), 1U);
  EXPECT_FALSE(frame[0].audit) << "a volunteer again, without another word of its agent";
  idle(8);
  economy_.heartbeat("owner8", state("twin", {0}), now_);
  appoint(8);
  const auto leases = dispatch();
  ASSERT_EQ(leases.size(), 1U);
  EXPECT_EQ(leases[0].owner, "owner8");
  EXPECT_EQ(leases[0].audit->id, 1);
  economy_.set_audits(first.unit, {picture(1), picture(2)});
  EXPECT_EQ(dispatch().at(0).owner, "owner8") << "all of its agents were appointed";
  appoint(8, false);
  answer(leases[0]);
  EXPECT_EQ(economy_.unit(first.unit)->owners.size(), 1U) << "it was trusted when it was asked";
}

TEST_F(EconomyTrustedTest, AnAgentIsOfTrustedHardwareFromItsFirstHeartbeat) {
  const Lease first = rendered(9);
  busy(1);
  appoint(9);
  appoint(9);
  economy_.heartbeat("owner9", state("young", {0}), now_);
  EXPECT_TRUE(dispatch().empty());
  economy_.set_audits(first.unit, {tiles(1)});
  EXPECT_EQ(dispatch().at(0).agent, "young");
  economy_.heartbeat("owner2", state("young", {0, 1}), now_);
  EXPECT_FALSE(dispatch().at(0).audit) << "the agent went over to a volunteer";
}

TEST_F(EconomyTrustedTest, IsKeptWhenEverythingElseIsForgotten) {
  appoint(9);
  idle(9);
  Economy fresh(options_, [](std::uint64_t) { return 0; });
  fresh.adopt_nodes(std::move(economy_));
  economy_ = std::move(fresh);
  economy_.add_unit_ids({2, 1});
  add_job("j", 2);
  EXPECT_TRUE(dispatch().empty()) << "it renders no frames";
  idle(1);
  const Lease first = dispatch().at(0);
  report(first);
  economy_.set_audits(first.unit, {picture(1)});
  EXPECT_EQ(dispatch().at(0).owner, "owner9");
}

TEST_F(EconomyTrustedTest, APausedJobWaits) {
  const Lease first = rendered();
  appoint(9);
  idle(9);
  economy_.set_audits(first.unit, {picture(1)});
  Job paused = make_job("j", 1);
  paused.paused = true;
  economy_.change_job(paused, now_);
  EXPECT_TRUE(dispatch().empty());
  economy_.change_job(make_job("j", 1), now_);
  EXPECT_EQ(dispatch().size(), 1U);
}

TEST_F(EconomyTrustedTest, WhatItLostIsGivenAgainAndSaysNothingAgainstTheUnit) {
  const Lease first = rendered();
  appoint(9);
  economy_.set_audits(first.unit, {picture(1)});
  for (unsigned time = 0; time <= options_.max_expiries + options_.poison_owners; ++time) {
    idle(9);
    const Lease lost = dispatch().at(0);
    EXPECT_EQ(lost.audit->id, 1);
    now_ += options_.lease_initial + 1ms;
    const Expired expired = economy_.expire(now_);
    EXPECT_EQ(expired.leases, std::vector<std::string>{lost.id});
    EXPECT_EQ(expired.stop.size(), 1U);
    EXPECT_TRUE(expired.failed.empty());
  }
  EXPECT_EQ(economy_.unit(first.unit)->expiries, 0U);
  EXPECT_TRUE(economy_.unit(first.unit)->troubled.empty());
  idle(9);
  const Lease ended = dispatch().at(0);
  EXPECT_EQ(economy_.end_leases({ended.id}, "its owner is excluded").size(), 1U);
  idle(9);
  const Lease useless = dispatch().at(0);
  EXPECT_FALSE(answer(useless, false).failed);
  EXPECT_TRUE(economy_.unit(first.unit)->void_owners.empty());
  idle(9);
  EXPECT_EQ(dispatch().size(), 1U);
}

TEST_F(EconomyTrustedTest, WhoLostOneStandsBehindThoseThatWait) {
  options_.roster.silence = options_.lease_initial * 2;
  restart();
  add_job("j", 2);
  idle(1);
  const Lease first = dispatch().at(0);
  report(first);
  idle(1);
  const Lease second = dispatch().at(0);
  report(second);
  appoint(9);
  idle(9);
  economy_.set_audits(first.unit, {picture(1)});
  EXPECT_EQ(dispatch().at(0).unit, first.unit);
  economy_.set_audits(second.unit, {picture(2)});
  now_ += options_.lease_initial + 1ms;
  economy_.expire(now_);
  idle(9);
  EXPECT_EQ(dispatch().at(0).unit, second.unit);
}

TEST_F(EconomyTrustedTest, ItsLeaseIsExtendedResentAndHandedBackAsAllOthersAre) {
  const Lease first = rendered();
  appoint(9);
  idle(9);
  economy_.set_audits(first.unit, {picture(1)});
  const Lease lease = dispatch().at(0);
  now_ += 3s;
  EXPECT_EQ(economy_.heartbeat("owner9", state("agent9", {}), now_).resend,
            std::vector<std::string>{lease.id});
  now_ += options_.lease_initial - 4s;
  economy_.heartbeat("owner9", state("agent9", {}, {{lease.id, wire::LeasePhase::rendering}}, 0.5F),
                     now_);
  now_ += 2s;
  EXPECT_TRUE(economy_.expire(now_).leases.empty());
  EXPECT_EQ(economy_.take_extended(now_).size(), 1U);
  const auto outcome = economy_.heartbeat(
      "owner9", state("agent9", {0}, {{lease.id, wire::LeasePhase::returned}}), now_);
  EXPECT_EQ(outcome.returned, std::vector<std::string>{lease.id});
  EXPECT_EQ(dispatch().size(), 1U);
}

TEST_F(EconomyTrustedTest, IsToldOfNoSceneThatIsNext) {
  const Lease first = rendered();
  appoint(9);
  idle(9);
  economy_.set_audits(first.unit, {picture(1)});
  const Lease lease = dispatch().at(0);
  add_job("b", 1);
  auto soon = state("agent9", {}, {{lease.id, wire::LeasePhase::rendering}});
  soon.leases[0]->wants_next = true;
  EXPECT_EQ(economy_.heartbeat("owner9", soon, now_).next_job, "");
}

TEST_F(EconomyTrustedTest, TakesNothingOfTheTenantsShare) {
  const Lease first = rendered();
  const double before = economy_.depths().tenants.at(0).served;
  appoint(9);
  idle(9);
  economy_.set_audits(first.unit, {picture(1)});
  const Lease lease = dispatch().at(0);
  EXPECT_DOUBLE_EQ(economy_.depths().tenants.at(0).served, before);
  EXPECT_EQ(economy_.depths().tenants.at(0).leases, 1U);
  answer(lease);
  EXPECT_EQ(economy_.depths().tenants.at(0).leases, 0U);
}

TEST_F(EconomyTrustedTest, EndsWithItsUnitAndItsJob) {
  const Lease first = rendered(2);
  idle(1);
  const Lease second = dispatch().at(0);
  report(second);
  appoint(9);
  idle(9);
  economy_.set_audits(first.unit, {picture(1), picture(2)});
  economy_.set_audits(second.unit, {picture(3)});
  const Lease lease = dispatch().at(0);
  const auto closed = economy_.close_unit(first.unit, true, "accepted");
  ASSERT_EQ(closed.stop.size(), 1U);
  EXPECT_EQ(closed.stop[0].lease, lease.id);
  economy_.drop_job("j", "cancelled");
  idle(9);
  EXPECT_TRUE(dispatch().empty());
  pass_patience();
  idle(9);
  EXPECT_TRUE(dispatch().empty());
}

TEST_F(EconomyTrustedTest, WhatIsNotWantedAnyMoreIsNotGiven) {
  const Lease first = rendered();
  economy_.set_audits(first.unit, {picture(1)});
  economy_.set_audits(first.unit, {});
  appoint(9);
  idle(9);
  EXPECT_TRUE(dispatch().empty());
  EXPECT_EQ(economy_.waiting("j", now_), "");
}

TEST_F(EconomyTrustedTest, ItsOwnersReplicaAndItsTrustedLeaseDoNotConcernEachOther) {
  const auto [unit, replica, trusted] = appointed_at_work();
  EXPECT_EQ(trusted.owner, "owner9");
  EXPECT_TRUE(report(replica).stop.empty());
  EXPECT_NE(economy_.lease(trusted.id), nullptr);
  answer(trusted, false);
  EXPECT_EQ(economy_.unit(unit)->owners.size(), 2U) << "its opinion stands";
}

TEST_F(EconomyTrustedTest, AReplicaThatItsOwnerLostIsFreeForItWhenItIsRelieved) {
  const auto [unit, replica, trusted] = appointed_at_work();
  economy_.end_leases({replica.id}, "");
  EXPECT_EQ(economy_.unit(unit)->owners.size(), 1U);
  appoint(9, false);
  economy_.heartbeat("owner9", state("agent9", {0}, {{trusted.id, wire::LeasePhase::rendering}}),
                     now_);
  EXPECT_EQ(dispatch().at(0).owner, "owner9");
}

TEST_F(EconomyTrustedTest, ComesBackFromTheRows) {
  add_job("j", 1);
  appoint(8);
  appoint(9);
  idle(1);
  StoredUnit stored;
  stored.id = 5;
  stored.job = "j";
  stored.shard.frame = 1;
  stored.wanted = 1;
  stored.reports = {{"r", "owner1", true, false},
                    {"t1", "owner9", true, true, true},
                    {"t2", "owner9", false, true, true}};
  stored.audits = {tiles(3), picture(4)};
  Lease held;
  held.id = "t3";
  held.unit = 5;
  held.job = "j";
  held.agent = "agent9";
  held.owner = "owner9";
  held.audit = tiles(3);
  held.expires_at = held.stored_expiry = now_ + 1h;
  stored.leases = {held};
  economy_.add_unit(stored);
  const Unit& unit = *economy_.unit(5);
  EXPECT_EQ(unit.opinions.size(), 1U);
  EXPECT_EQ(unit.owners.size(), 1U);
  EXPECT_EQ(unit.opinion_owners.size(), 1U);
  EXPECT_TRUE(unit.void_owners.empty());
  EXPECT_EQ(unit.auditing, 1U);
  idle(8);
  const auto leases = dispatch();
  const auto mine = std::ranges::find(leases, 5, &Lease::unit);
  ASSERT_NE(mine, leases.end());
  EXPECT_EQ(mine->audit->id, 4);
  EXPECT_EQ(mine->owner, "owner8");
  answer(held);
  answer(*mine);
  EXPECT_EQ(economy_.unit(5)->owners.size(), 1U);
  EXPECT_TRUE(economy_.unit(5)->audits.empty());
}

}  // namespace
}  // namespace worldshare::dispatcher
