#include "tests/unit/economy_audit_fixture.h"

// Split units: two owners render half of a frame's samples each.

namespace worldshare::dispatcher {
namespace {

using namespace std::chrono_literals;
using Half = std::optional<std::uint32_t>;

/// Trusted hardware, owner 9, is connected.
class EconomyHalvesTest : public EconomyAuditTest {
 protected:
  EconomyHalvesTest() { begin(true); }

  void begin(bool split_samples) {
    options_.split_samples = split_samples;
    options_.pair_after_commit = false;
    restart();
    economy_.set_trusted("owner9", true);
    busy(9);
    for (int n = 20; n < 30; ++n) busy(n);
  }

  /// Frames of 64 x 64 pixels with 64 samples that take 100 s.
  Job long_frames(int last = 1, unsigned replicas = 2) const {
    Job job = make_job("j", last, replicas);
    job.manifest.output->width = 64;
    job.manifest.output->height = 64;
    job.manifest.sharding->samples = 64;
    job.manifest.sharding->mode = wire::ShardMode::automatic;
    job.manifest.sharding->unit_seconds = 300;
    job.manifest.estimate->seconds_per_frame = 100;
    return job;
  }

  void add(int last = 1) { economy_.add_job(long_frames(last), now_); }

  /// What agent n gets, which asks for nothing more then.
  Lease give(int n) {
    idle(n);
    Lease lease = dispatch().at(0);
    busy(n);
    return lease;
  }

  bool first_frame_is_split(Job job) {
    economy_.drop_job("j", "");
    economy_.add_job(std::move(job), now_);
    idle(1);
    return dispatch_all().units.at(0).split;
  }

  double served() { return economy_.depths().tenants.at(0).served; }
};

TEST_F(EconomyHalvesTest, OneUnitIsTheFrameAndTwoOwnersRenderAHalfEach) {
  add();
  for (int n = 1; n <= 3; ++n) idle(n);
  const Grants grants = dispatch_all();
  ASSERT_EQ(grants.units.size(), 1U);
  EXPECT_TRUE(grants.units[0].split);
  EXPECT_EQ(grants.units[0].parts, 2U);
  EXPECT_EQ(grants.units[0].wanted, 2U);
  EXPECT_TRUE(messages::is_whole_frame(grants.units[0].shard));
  EXPECT_EQ(grants.progress.at(0).made, std::vector<std::int32_t>{1});
  ASSERT_EQ(grants.leases.size(), 2U);
  EXPECT_EQ(grants.leases[0].half, Half(0));
  EXPECT_EQ(grants.leases[1].half, Half(1));
  EXPECT_NE(grants.leases[0].owner, grants.leases[1].owner);
}

TEST_F(EconomyHalvesTest, OnlyFramesThatCanBeHalvedAreSplit) {
  EXPECT_TRUE(first_frame_is_split(long_frames()));
  EXPECT_FALSE(first_frame_is_split(long_frames(1, 3)));
  Job adaptive = long_frames();
  adaptive.manifest.sharding->adaptive = true;
  EXPECT_FALSE(first_frame_is_split(std::move(adaptive)));
  Job divided = long_frames();
  divided.manifest.sharding->unit_seconds = 25;
  EXPECT_FALSE(first_frame_is_split(std::move(divided))) << "it has four parts already";
  begin(false);
  EXPECT_FALSE(first_frame_is_split(long_frames()));
  EXPECT_EQ(economy_.unit(1)->parts, 1U);
}

TEST_F(EconomyHalvesTest, NothingIsSplitWithoutTrustedHardwareThatCouldRenderIt) {
  economy_.set_trusted("owner9", false);
  EXPECT_FALSE(first_frame_is_split(long_frames()));
  economy_.set_trusted("owner9", true);
  EXPECT_TRUE(first_frame_is_split(long_frames())) << "it may be busy";
  auto old = state("agent9", {0});
  old.capabilities->blender = "2.8.0";
  economy_.heartbeat("owner9", old, now_);
  EXPECT_FALSE(first_frame_is_split(long_frames()));
  idle(9);
  EXPECT_TRUE(first_frame_is_split(long_frames()));
}

TEST_F(EconomyHalvesTest, NothingIsSplitWhereFewerThanTenVolunteersCouldAudit) {
  for (int n = 20; n < 30; ++n)
    economy_.set_standing("agent" + std::to_string(n), "owner" + std::to_string(n),
                          Standing::kDisabled, "test");
  for (int n = 2; n < 9; ++n) busy(n);
  EXPECT_FALSE(first_frame_is_split(long_frames())) << "eight";
  busy(10);
  busy(11);
  EXPECT_TRUE(first_frame_is_split(long_frames()));
}

TEST_F(EconomyHalvesTest, FurtherReplicasAreOfTheHalfOfWhichThereAreFewer) {
  add();
  const Lease first = give(1);
  const Lease second = give(2);
  report(first);
  report(second);
  economy_.want(first.unit, 4);
  EXPECT_EQ(give(3).half, Half(0)) << "there is one of each";
  EXPECT_EQ(give(4).half, Half(1)) << "the third one counts while it is in work";
}

TEST_F(EconomyHalvesTest, WhatCameToNothingIsGivenAgain) {
  add();
  const Lease first = give(1);
  const Lease second = give(2);
  report(second, false);
  const Lease third = give(3);
  EXPECT_EQ(third.half, Half(1));
  economy_.end_leases({third.id}, "");
  EXPECT_EQ(give(4).half, Half(1));
  report(first, false);
  EXPECT_EQ(give(5).half, Half(0));
  now_ += options_.lease_initial + 1ms;
  EXPECT_EQ(economy_.expire(now_).leases.size(), 2U);
  EXPECT_EQ(give(6).half, Half(0));
  EXPECT_EQ(give(7).half, Half(1));
}

TEST_F(EconomyHalvesTest, ALateResultIsOfTheHalfThatItWasGiven) {
  add();
  const Lease late = give(1);
  now_ += options_.lease_initial + 1ms;
  economy_.expire(now_);
  report(late);
  EXPECT_EQ(economy_.unit(late.unit)->halves.at(late.id), 0U);
  EXPECT_EQ(give(2).half, Half(1));
}

TEST_F(EconomyHalvesTest, InsteadOfAStragglersHalfTheSameOneIsGiven) {
  add(3);
  for (int frame = 1; frame <= 2; ++frame) {
    const Lease first = give(1);
    const Lease second = give(2);
    now_ += 1s;
    report(first);
    report(second);
    economy_.close_unit(first.unit, true, "");
  }
  const Lease first = give(1);
  const Lease straggler = give(2);
  report(first);
  now_ += options_.straggler_least + 1s;
  const Lease other = give(3);
  EXPECT_EQ(other.unit, straggler.unit);
  EXPECT_EQ(straggler.half, Half(1));
  EXPECT_EQ(other.half, Half(1));
}

TEST_F(EconomyHalvesTest, WhatNobodyCanAuditIsRenderedWhole) {
  add();
  const Lease first = give(1);
  const Lease second = give(2);
  report(first);
  report(second);
  AuditOrder audit = order(1);
  audit.half = 0;
  economy_.set_audits(first.unit, {audit});
  economy_.set_malice("owner3", 0.9);
  idle(3);
  EXPECT_TRUE(dispatch().empty()) << "who is doubted audits nobody";
  const double before = served();
  now_ += options_.audit_patience + 1ms;
  const Lease whole = give(3);
  EXPECT_TRUE(whole.instead_of_audits);
  EXPECT_FALSE(whole.half);
  EXPECT_DOUBLE_EQ(served() - before, 1);
  report(whole);
  EXPECT_EQ(economy_.unit(first.unit)->halves.size(), 2U);
  economy_.set_audits(first.unit, {});
  economy_.want(first.unit, 4);
  EXPECT_FALSE(give(4).half) << "and so are those that it is compared with";
}

TEST_F(EconomyHalvesTest, AnAuditIsOfTheHalfThatItLooksAt) {
  add();
  const Lease first = give(1);
  const Lease second = give(2);
  report(first);
  report(second);
  std::vector<AuditOrder> orders{order(1), order(2), order(3), order(4)};
  orders[0].half = 1;
  orders[1].trusted = true;
  orders[1].half = 0;
  orders[2].trusted = true;
  orders[2].half = 1;
  orders[2].tiles = 0;
  economy_.set_audits(first.unit, orders);
  EXPECT_EQ(give(3).half, Half(1));
  EXPECT_FALSE(give(4).half) << "what is audited has all samples";
  const Lease tiles = give(9);
  EXPECT_EQ(tiles.audit->id, 2);
  EXPECT_EQ(tiles.half, Half(0));
  answer(tiles);
  const Lease picture = give(9);
  EXPECT_EQ(picture.audit->id, 3);
  EXPECT_FALSE(picture.half) << "it is a whole picture";
  economy_.want(first.unit, 3);
  EXPECT_EQ(give(5).half, Half(0)) << "audits are no opinions of a half";
}

TEST_F(EconomyHalvesTest, AHalfIsHalfARenderOfTheTenantsShare) {
  add();
  give(1);
  EXPECT_DOUBLE_EQ(served(), 0.5);
  give(2);
  EXPECT_DOUBLE_EQ(served(), 1);
}

TEST_F(EconomyHalvesTest, WhatAHalfTookIsHalfOfWhatAFrameTakes) {
  for (const double seconds : {200.0, 400.0}) {
    begin(true);
    Job job = long_frames(2);
    job.manifest.estimate->seconds_per_frame = 400;
    economy_.add_job(std::move(job), now_);
    for (const int n : {1, 2}) {
      const Lease lease = give(n);
      economy_.reported({lease.id, lease.agent, lease.owner, lease.unit, true, true, seconds, 0,
                         false, lease.half},
                        now_);
    }
    idle(3);
    const Grants next = dispatch_all();
    EXPECT_EQ(next.units.size(), seconds < 300 ? 1U : 2U) << seconds;
    EXPECT_EQ(next.units.at(0).split, seconds < 300);
  }
}

TEST_F(EconomyHalvesTest, ComesBackFromTheRows) {
  add();
  StoredUnit stored;
  stored.id = 500;
  stored.job = "j";
  stored.shard.frame = 1;
  stored.parts = 2;
  stored.split = true;
  stored.wanted = 3;
  stored.reports = {{"a", "owner1", true, false, false, 0},
                    {"b", "owner2", false, false, false, 1},
                    {"c", "owner3", true, true, false, 1}};
  Lease held;
  held.id = "d";
  held.unit = 500;
  held.job = "j";
  held.agent = "agent4";
  held.owner = "owner4";
  held.half = 0;
  held.expires_at = held.stored_expiry = now_ + 1h;
  stored.leases = {held};
  economy_.add_unit(stored);
  EXPECT_TRUE(economy_.unit(500)->split);
  EXPECT_EQ(economy_.unit(500)->halves, (std::map<std::string, std::uint32_t>{{"a", 0}}));
  EXPECT_EQ(economy_.lease("d")->half, Half(0));
  const Lease next = give(5);
  EXPECT_EQ(next.unit, 500);
  EXPECT_EQ(next.half, Half(1)) << "the void one and the audit do not count";
}

TEST(ShardOf, ALeaseRendersItsHalfOfTheUnit) {
  wire::ManifestT manifest;
  manifest.sharding = std::make_unique<wire::ShardingT>();
  manifest.sharding->samples = 65;
  EXPECT_EQ(shard_of({7}, std::nullopt, manifest), messages::Shard{7});
  EXPECT_EQ(messages::shard_text(shard_of({7}, 1, manifest)), "frame=7 samples=32+33/65");
}

}  // namespace
}  // namespace worldshare::dispatcher
