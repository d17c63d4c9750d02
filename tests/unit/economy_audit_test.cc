#include <algorithm>

#include "tests/unit/economy_audit_fixture.h"

// Audits: results that somebody else is to render again in part.

namespace worldshare::dispatcher {
namespace {

using namespace std::chrono_literals;

TEST_F(EconomyAuditTest, GoesToOwnersWhoNeitherRenderedTheUnitNorAuditIt) {
  const Lease first = rendered();
  economy_.set_audits(first.unit, {order(1), order(2)});
  for (int n = 1; n <= 4; ++n) idle(n);
  economy_.heartbeat("owner2", state("twin", {0}), now_);
  const auto leases = dispatch();
  ASSERT_EQ(leases.size(), 2U) << "two were ordered, and no replica is wanted";
  EXPECT_EQ(leases[0].audit->id, 1);
  EXPECT_EQ(leases[1].audit->id, 2);
  EXPECT_NE(leases[0].owner, leases[1].owner);
  for (const auto& lease : leases) {
    EXPECT_NE(lease.owner, first.owner);
    EXPECT_EQ(lease.unit, first.unit);
  }
  answer(leases[0]);
  economy_.set_audits(first.unit, {order(2), order(3)});
  idle(1);
  idle(5);
  const auto more = dispatch();
  ASSERT_EQ(more.size(), 1U);
  EXPECT_EQ(more[0].audit->id, 3);
  EXPECT_NE(more[0].owner, first.owner);
  EXPECT_NE(more[0].owner, leases[0].owner) << "who audited a unit audits it no second time";
  EXPECT_NE(more[0].owner, leases[1].owner);
}

TEST_F(EconomyAuditTest, GoesBeforeFramesThatNobodyBegan) {
  const Lease first = rendered(9);
  economy_.set_audits(first.unit, {order(1)});
  idle(2);
  const auto leases = economy_.match(now_, 1).leases;
  ASSERT_EQ(leases.size(), 1U);
  ASSERT_TRUE(leases[0].audit);
  EXPECT_EQ(leases[0].unit, first.unit);
  EXPECT_DOUBLE_EQ(economy_.depths().tenants.at(0).served, 1.05) << "it costs what it costs";
  EXPECT_EQ(economy_.depths().tenants.at(0).leases, 1U);
}

TEST_F(EconomyAuditTest, IsGivenToAnotherWhenItsLeaseRunsOutOrItsAnswerIsVoid) {
  const Lease first = rendered();
  economy_.set_audits(first.unit, {order(1)});
  idle(2);
  const Lease lost = dispatch().at(0);
  now_ += options_.lease_initial + 1ms;
  EXPECT_EQ(economy_.expire(now_).leases, std::vector<std::string>{lost.id});
  idle(3);
  const Lease second = dispatch().at(0);
  EXPECT_EQ(second.audit->id, 1);
  EXPECT_EQ(second.owner, "owner3");
  answer(second, false);
  idle(3);
  idle(4);
  const Lease third = dispatch().at(0);
  EXPECT_EQ(third.audit->id, 1);
  EXPECT_EQ(third.owner, "owner4") << "whose answer was void is asked only after everybody else";
  answer(third);
  idle(5);
  EXPECT_TRUE(dispatch().empty());
  EXPECT_EQ(economy_.unit(first.unit)->opinions.size(), 1U) << "an audit is no opinion";
}

TEST_F(EconomyAuditTest, WhatAnAuditorCannotDoSpeaksNeitherAgainstItNorAgainstTheUnit) {
  const Lease first = rendered();
  for (int n = 2; n <= 8; ++n) {
    economy_.set_audits(first.unit, {order(n)});
    idle(n);
    const auto reported = answer(dispatch().at(0), false, false);
    EXPECT_FALSE(reported.failed);
  }
  EXPECT_TRUE(economy_.unit(first.unit)->troubled.empty());
  EXPECT_TRUE(economy_.close_unit(first.unit, true, "accepted").drained.empty());
}

TEST_F(EconomyAuditTest, WhoCouldNotTellMayRenderTheUnitAfterEverybodyElse) {
  const Lease first = rendered();
  economy_.set_audits(first.unit, {order(1)});
  idle(2);
  answer(dispatch().at(0), false, false);
  economy_.set_audits(first.unit, {});
  economy_.want(first.unit, 2);
  idle(2);
  idle(3);
  const Lease second = dispatch().at(0);
  EXPECT_EQ(second.owner, "owner3");
  report(second);
  economy_.want(first.unit, 3);
  idle(1);
  idle(2);
  idle(3);
  const auto leases = dispatch();
  ASSERT_EQ(leases.size(), 1U) << "who gave an opinion gives no second one";
  EXPECT_EQ(leases[0].owner, "owner2");
  EXPECT_FALSE(leases[0].audit);
}

TEST_F(EconomyAuditTest, WhatNobodyCanAuditIsRenderedAgainWhenTimeIsUp) {
  const Lease first = rendered();
  economy_.set_audits(first.unit, {order(1), order(2), order(3)});
  economy_.set_malice("owner4", 0.3);
  for (int n = 1; n <= 4; ++n) idle(n);
  const auto audits = dispatch();
  ASSERT_EQ(audits.size(), 2U) << "owner 1 rendered it, and owner 4 is doubted";
  for (const auto& audit : audits) answer(audit);
  economy_.set_audits(first.unit, {order(3)});
  for (int n = 1; n <= 4; ++n) idle(n);
  EXPECT_TRUE(dispatch().empty());
  now_ += options_.audit_patience + 1ms;
  for (int n = 1; n <= 4; ++n) idle(n);
  const auto leases = dispatch();
  ASSERT_EQ(leases.size(), 1U);
  EXPECT_EQ(leases[0].owner, "owner4");
  EXPECT_FALSE(leases[0].audit);
  EXPECT_TRUE(leases[0].instead_of_audits);
  report(leases[0]);
  economy_.set_audits(first.unit, {});
  economy_.want(first.unit, 3);
  idle(5);
  const auto asked = dispatch();
  ASSERT_EQ(asked.size(), 1U);
  EXPECT_FALSE(asked[0].instead_of_audits) << "the trust engine asked for this one";
  idle(6);
  EXPECT_TRUE(dispatch().empty());
}

TEST_F(EconomyAuditTest, WaitsForWhoIsBusyAndWhereNobodyCouldRenderEither) {
  const Lease first = rendered();
  economy_.set_audits(first.unit, {order(1)});
  busy(2);
  for (int minute = 0; minute < 3; ++minute) {
    now_ += options_.audit_patience + 1ms;
    idle(1);
    busy(2);
    EXPECT_TRUE(dispatch().empty()) << "owner 2 may come to it";
  }
  now_ += options_.roster.silence + options_.audit_patience + 1ms;
  idle(1);
  EXPECT_TRUE(dispatch().empty());
  idle(3);
  const auto leases = dispatch();
  ASSERT_EQ(leases.size(), 1U);
  EXPECT_TRUE(leases[0].audit) << "whoever comes audits it";
}

TEST_F(EconomyAuditTest, PrefersWhoHasTheSceneAndOfAFewTheMostTrusted) {
  const Lease first = rendered();
  economy_.set_audits(first.unit, {order(1), order(2)});
  idle(2);
  idle_with_scene(3);
  idle_with_scene(4);
  economy_.set_malice("owner2", 0.001);
  economy_.set_malice("owner3", 0.2);
  economy_.set_malice("owner4", 0.01);
  const auto leases = dispatch();
  ASSERT_EQ(leases.size(), 2U);
  EXPECT_EQ(leases[0].owner, "owner4");
  EXPECT_EQ(leases[1].owner, "owner3") << "the scene counts before trust";
}

TEST_F(EconomyAuditTest, WhoIsDoubtedAuditsNobodyAndMayStillRender) {
  const Lease first = rendered();
  idle(2);
  economy_.set_audits(first.unit, {order(1)});
  economy_.set_malice("owner2", 0.3);
  EXPECT_TRUE(dispatch().empty());
  economy_.set_malice("owner2", 0.1);
  EXPECT_EQ(dispatch().at(0).owner, "owner2");
  economy_.set_malice("owner3", 0.3);
  economy_.want(first.unit, 2);
  idle(3);
  const auto replica = dispatch();
  ASSERT_EQ(replica.size(), 1U);
  EXPECT_FALSE(replica[0].audit);
}

TEST_F(EconomyAuditTest, IsDroppedWhenNobodyWaitsForItAndStopsWithItsUnit) {
  const Lease first = rendered();
  economy_.set_audits(first.unit, {order(1), order(2)});
  idle(2);
  const Lease audit = dispatch().at(0);
  economy_.set_audits(first.unit, {});
  idle(3);
  EXPECT_TRUE(dispatch().empty());
  const auto closed = economy_.close_unit(first.unit, true, "accepted");
  ASSERT_EQ(closed.stop.size(), 1U);
  EXPECT_EQ(closed.stop[0].lease, audit.id);
}

TEST_F(EconomyAuditTest, ComesBackFromTheRows) {
  add_job("j", 1);
  StoredUnit stored;
  stored.id = 5;
  stored.job = "j";
  stored.shard.frame = 1;
  stored.wanted = 1;
  stored.reports = {{"r", "owner1", true, false}, {"a1", "owner2", true, true}};
  stored.audits = {order(2), order(3)};
  Lease held;
  held.id = "a2";
  held.unit = 5;
  held.job = "j";
  held.agent = "agent3";
  held.owner = "owner3";
  held.audit = order(2);
  held.expires_at = held.stored_expiry = now_ + 1h;
  stored.leases = {held};
  economy_.add_unit(stored);
  EXPECT_EQ(economy_.unit(5)->opinions.size(), 1U);
  for (int n = 1; n <= 4; ++n) idle(n);
  const auto leases = dispatch();
  const auto mine = std::ranges::find(leases, 5, &Lease::unit);
  ASSERT_NE(mine, leases.end());
  EXPECT_EQ(mine->audit->id, 3);
  EXPECT_EQ(mine->owner, "owner4");
}

}  // namespace
}  // namespace worldshare::dispatcher
