#include <algorithm>
#include <numeric>

#include "tests/unit/economy_fixture.h"

namespace worldshare::dispatcher {
namespace {

using namespace std::chrono_literals;

/// Frames of 64 x 64 pixels that take `frame_seconds`, in units of 100 s.
Job long_frames(Job job, float frame_seconds) {
  auto& manifest = job.manifest;
  manifest.output->width = 64;
  manifest.output->height = 64;
  manifest.sharding->mode = wire::ShardMode::tiles;
  manifest.sharding->samples = 256;
  manifest.sharding->unit_seconds = 100;
  manifest.estimate->seconds_per_frame = frame_seconds;
  return job;
}

class EconomyDivisionTest : public EconomyTest {
 protected:
  void add(float frame_seconds, unsigned replicas = 1) {
    economy_.add_job(long_frames(make_job("j", 3, replicas), frame_seconds), now_);
  }
};

TEST_F(EconomyDivisionTest, AllPartsOfAFrameAreMadeAtOnce) {
  add(400);
  idle(1);
  const Grants grants = dispatch_all();
  ASSERT_EQ(grants.leases.size(), 1U);
  ASSERT_EQ(grants.units.size(), 4U);
  std::uint32_t pixels = 0;
  for (const auto& unit : grants.units) {
    EXPECT_EQ(unit.shard.frame, 1);
    EXPECT_EQ(unit.parts, 4U);
    ASSERT_TRUE(unit.shard.tile);
    pixels += unit.shard.tile->box.width() * unit.shard.tile->box.height();
  }
  EXPECT_EQ(pixels, 64U * 64U);
  ASSERT_EQ(grants.progress.size(), 1U);
  EXPECT_EQ(grants.progress[0].made, std::vector<std::int32_t>{1}) << "frames, not units";
  for (int n = 2; n <= 5; ++n) idle(n);
  const Grants more = dispatch_all();
  EXPECT_EQ(more.leases.size(), 4U);
  EXPECT_EQ(more.units.size(), 4U) << "the fifth lease opens the next frame";
}

TEST_F(EconomyDivisionTest, WhatFramesTookDividesTheNextOnes) {
  add(0);
  idle(1);
  const Grants first = dispatch_all();
  ASSERT_EQ(first.units.size(), 1U) << "nothing is known yet";
  const Lease& lease = first.leases[0];
  economy_.reported({lease.id, lease.agent, lease.owner, lease.unit, true, true, 400}, now_);
  economy_.close_unit(lease.unit, true, "");
  idle(2);
  EXPECT_EQ(dispatch_all().units.size(), 4U);
}

TEST_F(EconomyDivisionTest, AFrameThatIsWantedNowIsWantedWithAllItsParts) {
  add(400);
  Job job = long_frames(make_job("j", 3, 1), 400);
  job.first = {2};
  economy_.change_job(std::move(job), now_);
  for (int n = 1; n <= 4; ++n) idle(n);
  const Grants grants = dispatch_all();
  ASSERT_EQ(grants.units.size(), 4U);
  for (const auto& unit : grants.units) EXPECT_EQ(unit.shard.frame, 2);
}

TEST_F(EconomyDivisionTest, AFrameIsNeverHalfMade) {
  economy_ = Economy(options_, [](std::uint64_t) { return 0; });
  economy_.add_unit_ids({1, 2, 3});
  add(400);
  idle(1);
  EXPECT_TRUE(dispatch_all().units.empty()) << "it has four parts, and there are three ids";
  economy_.add_unit_ids({4});
  EXPECT_EQ(dispatch_all().units.size(), 4U);
}

TEST_F(EconomyDivisionTest, WhatForbidsDividingIsSaidAndTheFrameStaysWhole) {
  Job job = long_frames(make_job("j", 3, 1), 400);
  job.manifest.sharding->whole_frames = {"denoising"};
  economy_.add_job(std::move(job), now_);
  EXPECT_EQ(economy_.whole_because("j"), "Frames stay whole because of: denoising.");
  idle(1);
  EXPECT_EQ(dispatch_all().units.size(), 1U);
}

TEST_F(EconomyDivisionTest, PartsComeBackFromTheirRows) {
  add(400);
  StoredUnit stored;
  stored.id = 7;
  stored.job = "j";
  stored.shard = *messages::parse_shard("frame=1 tile=0,0,32,32");
  stored.parts = 4;
  economy_.add_unit(stored);
  ASSERT_NE(economy_.unit(7), nullptr);
  EXPECT_EQ(economy_.unit(7)->shard, stored.shard);
  EXPECT_EQ(economy_.unit(7)->parts, 4U);
}

/// Frames of 10 s in units of 100 s.
class SeveralFramesTest : public EconomyTest {
 protected:
  Job short_frames(int last, unsigned replicas = 1) const {
    Job job = make_job("j", last, replicas);
    job.manifest.sharding->max_frames = 50;
    job.manifest.sharding->unit_seconds = 100;
    job.manifest.estimate->seconds_per_frame = 10;
    return job;
  }
  /// Agent n of owner n, which can render several frames in a unit, has one free slot.
  void able(int n) {
    auto state = this->state("agent" + std::to_string(n), {0});
    state.capabilities->features = {messages::kSeveralFrames};
    economy_.heartbeat("owner" + std::to_string(n), state, now_);
  }
  static std::vector<std::string> shards(const Grants& grants) {
    std::vector<std::string> out;
    for (const auto& unit : grants.units) out.push_back(messages::shard_text(unit.shard));
    return out;
  }
};

TEST_F(SeveralFramesTest, NeighboursShareAUnitBehindThePreview) {
  economy_.add_job(short_frames(200), now_);
  for (int n = 1; n <= 6; ++n) able(n);
  const Grants grants = dispatch_all();
  EXPECT_EQ(shards(grants),
            (std::vector<std::string>{"frame=1", "frame=200", "frame=101", "frame=2 count=10",
                                      "frame=12 count=10", "frame=22 count=10"}));
  ASSERT_EQ(grants.progress.size(), 1U);
  EXPECT_EQ(grants.progress[0].made.size(), 33U) << "frames, not units";
  EXPECT_EQ(grants.progress[0].position, 33U);
}

TEST_F(SeveralFramesTest, UnitsGetSmallerSoThatNobodyWaitsForALongOne) {
  economy_.add_job(short_frames(30), now_);
  std::vector<std::uint32_t> counts;
  for (int n = 1; counts.size() < 30; ++n) {
    for (int slot = 0; slot < 2; ++slot) able(2 * n + slot);
    const Grants grants = dispatch_all();
    if (grants.units.empty()) break;
    for (const auto& unit : grants.units) counts.push_back(unit.shard.frame_count);
  }
  EXPECT_EQ(std::accumulate(counts.begin(), counts.end(), 0U), 30U);
  EXPECT_GT(std::ranges::max(counts), 1U);
  EXPECT_TRUE(std::is_sorted(counts.begin() + 3, counts.end(), std::greater())) << "but previews";
  EXPECT_EQ(counts.back(), 1U);
}

TEST_F(SeveralFramesTest, AUnitOfManyIsNoStragglerBecauseThePreviewWasQuick) {
  options_.straggler_least = 10s;
  options_.lease_initial = options_.lease_extend = 10h;
  restart();
  economy_.add_job(short_frames(200), now_);
  for (int n = 1; n <= 4; ++n) able(n);
  const auto leases = dispatch();
  ASSERT_EQ(leases.size(), 4U);
  now_ += 12s;
  for (int n = 0; n < 3; ++n) {
    report(leases[static_cast<std::size_t>(n)]);
    economy_.close_unit(leases[static_cast<std::size_t>(n)].unit, true, "");
  }
  const auto another = [&] {
    able(9);
    const auto next = dispatch();
    return next.empty() ? UnitId{0} : next.front().unit;
  };
  now_ += 100s;
  EXPECT_NE(another(), leases[3].unit) << "ten frames of 12 s each";
  now_ += 400s;
  able(10);
  const auto next = dispatch();
  ASSERT_EQ(next.size(), 1U);
  EXPECT_EQ(next.front().unit, leases[3].unit);
}

TEST_F(SeveralFramesTest, AgentsThatDoNotSayThatTheyCanGetNone) {
  economy_.add_job(short_frames(200), now_);
  idle(1);
  EXPECT_TRUE(dispatch().empty());
  able(2);
  EXPECT_EQ(dispatch().size(), 1U);
}

TEST_F(SeveralFramesTest, AWantedFrameIsAloneAndItsUnitLeavesItOut) {
  Job job = short_frames(100);
  job.position = 3;
  job.first = {6};
  economy_.add_job(std::move(job), now_);
  for (int n = 1; n <= 3; ++n) able(n);
  EXPECT_EQ(shards(dispatch_all()),
            (std::vector<std::string>{"frame=6", "frame=2 count=4", "frame=7 count=10"}));
}

TEST_F(SeveralFramesTest, AWantedFrameOfAnOpenUnitBringsItForward) {
  economy_.add_job(short_frames(100, 2), now_);
  for (const auto* text : {"frame=2 count=10", "frame=12 count=10"}) {
    StoredUnit stored;
    stored.shard = *messages::parse_shard(text);
    stored.id = 1'000'000 + stored.shard.frame;
    stored.job = "j";
    economy_.add_unit(stored);
  }
  economy_.prefer("j", 15);
  able(1);
  const auto leases = dispatch();
  ASSERT_EQ(leases.size(), 1U);
  EXPECT_EQ(leases[0].unit, 1'000'012);
}

TEST_F(SeveralFramesTest, WhatAUnitTookIsSharedByItsFrames) {
  economy_.add_job(short_frames(1000), now_);
  for (int n = 1; n <= 4; ++n) able(n);
  const Grants grants = dispatch_all();
  ASSERT_EQ(grants.units[3].shard.frame_count, 10U);
  const Lease& lease = grants.leases[3];
  // 10 s a frame, as was estimated: nothing changes.
  economy_.reported({lease.id, lease.agent, lease.owner, lease.unit, true, true, 100}, now_);
  able(5);
  EXPECT_EQ(dispatch_all().units.at(0).shard.frame_count, 10U);
}

}  // namespace
}  // namespace worldshare::dispatcher
