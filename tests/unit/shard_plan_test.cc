#include "shared/sharding/shard_plan.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <vector>

#include "shared/messages/manifest.h"

namespace worldshare::sharding {
namespace {

using messages::Shard;

wire::ManifestT manifest(std::uint32_t width = 1920,
                         std::uint32_t height = 1080,
                         std::uint32_t samples = 256,
                         int last = 10) {
  wire::ManifestT out;
  out.scene = std::make_unique<wire::SceneRefT>();
  out.frames = std::make_unique<wire::FrameRangeT>();
  out.frames->first = 1;
  out.frames->last = last;
  out.output = std::make_unique<wire::OutputT>();
  out.output->width = width;
  out.output->height = height;
  out.requirements = std::make_unique<wire::RequirementsT>();
  out.estimate = std::make_unique<wire::EstimateT>();
  out.sharding = std::make_unique<wire::ShardingT>();
  out.sharding->samples = samples;
  return out;
}

DivisionChoice choice(const wire::ManifestT& of, double frame_seconds, double fixed_seconds = 1) {
  return choose_division(of, {frame_seconds, fixed_seconds});
}

/// Adds each shard's samples to each of its pixels, frame by frame, and looks whether every pixel
/// of every frame got every sample once. Counts alone would not see a sample that comes twice where
/// another is missing, so it sums distinct weights.
void expect_exact_cover(const wire::ManifestT& of, const ShardPlan& plan, std::uint32_t first) {
  const messages::FrameSize size{of.output->width, of.output->height};
  const std::uint32_t total = std::max(1U, of.sharding->samples);
  const auto weight = [&](std::uint64_t sample) { return sample * sample + 1; };
  std::uint64_t all = 0;
  for (std::uint64_t sample = 0; sample < total; ++sample) all += weight(sample);
  std::map<std::int32_t, std::vector<std::uint64_t>> frames;
  for (std::uint64_t n = 0; n < plan.count(); ++n) {
    const Shard shard = plan.at(n);
    ASSERT_TRUE(check(shard, size)) << check(shard, size).error().message << shard_text(shard);
    const messages::PixelBox box =
        shard.tile ? shard.tile->box : messages::PixelBox{0, 0, size.width, size.height};
    std::uint64_t sum = shard.samples ? 0 : all;
    for (std::uint64_t i = 0; shard.samples && i < shard.samples->count; ++i) {
      sum += weight(shard.samples->first + i);
    }
    for (std::uint32_t i = 0; i < shard.frame_count; ++i) {
      auto& pixels = frames[shard.frame + static_cast<std::int32_t>(i * shard.frame_step)];
      pixels.resize(std::size_t{size.width} * size.height);
      for (std::uint32_t y = box.y0; y < box.y1; ++y) {
        for (std::uint32_t x = box.x0; x < box.x1; ++x) {
          pixels[std::size_t{y} * size.width + x] += sum;
        }
      }
    }
  }
  ASSERT_EQ(frames.size(), messages::frame_count(of) - first);
  for (std::uint32_t index = first; index < messages::frame_count(of); ++index) {
    const auto& pixels = frames.at(messages::frame_number(of, index));
    ASSERT_TRUE(std::ranges::all_of(pixels, [&](std::uint64_t sum) { return sum == all; }));
  }
}

TEST(ShardPlan, CoversEveryPixelAndEverySampleOnce) {
  for (const std::uint32_t width : {33U, 64U, 161U}) {
    for (const std::uint32_t height : {17U, 91U}) {
      for (const Division division :
           {Division{}, Division{1, 2, 2, 1}, Division{1, 3, 3, 1}, Division{1, 7, 5, 1},
            Division{1, 1, 1, 3}, Division{1, 3, 2, 5}, Division{1, width, height, 1}, Division{4},
            Division{1000}}) {
        for (const std::uint32_t first : {0U, 3U}) {
          wire::ManifestT of = manifest(width, height, 61);
          of.frames->step = 2;
          expect_exact_cover(of, ShardPlan(of, division, first), first);
        }
      }
    }
  }
}

TEST(ShardPlan, WhatChooseDivisionChoosesCoversToo) {
  std::mt19937 random(20);
  const auto draw = [&](auto from, auto to) {
    return std::uniform_int_distribution<std::uint32_t>(from, to)(random);
  };
  for (int round = 0; round < 200; ++round) {
    wire::ManifestT of = manifest(draw(1U, 200U), draw(1U, 120U), draw(1U, 400U), 3);
    of.sharding->mode = static_cast<wire::ShardMode>(draw(0U, 3U));
    of.sharding->adaptive = draw(0U, 1U) == 1;
    of.sharding->max_frames = draw(1U, 4U);
    const double frame_seconds = std::exp(draw(0U, 1200U) / 100.0);
    const Division division = choice(of, frame_seconds).division;
    EXPECT_LE(division.columns * division.rows, of.sharding->max_tiles);
    EXPECT_LE(division.sample_ranges, of.sharding->max_sample_ranges);
    if (division.parts() > 1) {
      EXPECT_GE(frame_seconds / division.parts(), kFixedCostTimes);
    }
    expect_exact_cover(of, ShardPlan(of, division), 0);
  }
}

TEST(ShardPlan, CostsNothingPerFrame) {
  wire::ManifestT of = manifest();
  of.frames->first = -1'000'000;
  of.frames->last = 1'000'000;
  const ShardPlan plan(of, {1, 3, 3, 1});
  EXPECT_EQ(plan.count(), 9U * 2'000'001);
  EXPECT_EQ(plan.at(plan.count() - 1).frame, 1'000'000);
  EXPECT_EQ(shard_text(plan.at(4)), "frame=-1000000 tile=640,360,1280,720");
  static_assert(sizeof(ShardPlan) < 200);
}

TEST(ShardPlan, AnotherDivisionGoesOnWhereTheFirstEnded) {
  const wire::ManifestT of = manifest(161, 91, 64);
  const ShardPlan before(of, {1, 2, 2, 1});
  EXPECT_EQ(before.frame_index(11), 2U);
  const ShardPlan after(of, {1, 3, 3, 1}, before.frame_index(11) + 1);
  EXPECT_EQ(after.at(0).frame, 4);
  expect_exact_cover(of, after, 3);
}

TEST(Division, AFrameOfAboutTheUnitTimeStaysWhole) {
  const wire::ManifestT of = manifest();
  for (const double seconds : {0.0, 1.0, 299.0, 449.0, -1.0, std::nan("")}) {
    EXPECT_EQ(choice(of, seconds).division, Division{}) << seconds;
    EXPECT_EQ(choice(of, seconds).whole_because, "");
  }
}

TEST(Division, ALongFrameBecomesNearlySquareTiles) {
  EXPECT_EQ(choice(manifest(), 1200).division, (Division{1, 2, 2, 1}));
  EXPECT_EQ(choice(manifest(1000, 1000), 2700).division, (Division{1, 3, 3, 1}));
  EXPECT_EQ(choice(manifest(1080, 1920), 1800).division, (Division{1, 2, 3, 1}));
}

TEST(Division, BeyondItsTilesAFrameIsDividedBySamples) {
  wire::ManifestT of = manifest(1000, 1000, 4096);
  of.sharding->max_tiles = 4;
  EXPECT_EQ(choice(of, 12 * 300).division, (Division{1, 2, 2, 3}));
  of.sharding->mode = wire::ShardMode::tiles;
  EXPECT_EQ(choice(of, 12 * 300).division, (Division{1, 2, 2, 1}));
  of.sharding->mode = wire::ShardMode::samples;
  EXPECT_EQ(choice(of, 12 * 300).division, (Division{1, 1, 1, 12}));
  of.sharding->samples = 50;
  EXPECT_EQ(choice(of, 12 * 300).division, (Division{1, 1, 1, 3})) << "at least 16 samples each";
}

TEST(Division, AUnitIsWorthTenTimesItsFixedCost) {
  wire::ManifestT of = manifest();
  of.sharding->unit_seconds = 10;
  EXPECT_EQ(choice(of, 100, 1).division, (Division{1, 4, 2, 1})) << "of ten at most";
  EXPECT_LE(choice(of, 100, 2.5).division.parts(), 4U);
  EXPECT_EQ(choice(of, 100, 6).division, Division{});
}

TEST(Division, ShortFramesShareAUnit) {
  wire::ManifestT of = manifest();
  EXPECT_EQ(choice(of, 30).division.frames, 1U) << "unless the manifest allows it";
  of.sharding->max_frames = 50;
  EXPECT_EQ(choice(of, 100).division.frames, 3U);
  EXPECT_EQ(choice(of, 1).division.frames, 10U) << "there are no more";
  EXPECT_EQ(choice(of, 151).division.frames, 1U);
  of.output->width = 4096;
  of.output->height = 2048;
  EXPECT_EQ(choice(of, 1).division.frames, 4U) << "of 64 MiB with 16 bits a sample, 256 in all";
  of.output->width = 32'768;
  EXPECT_EQ(choice(of, 1).division.frames, 1U);
}

TEST(Division, WhatForbidsItIsSaid) {
  wire::ManifestT of = manifest();
  const auto reason = [&] {
    const DivisionChoice made = choice(of, 3000);
    EXPECT_EQ(made.division, Division{});
    return made.whole_because;
  };
  of.sharding->whole_frames = {"denoising", "the compositor reads Depth"};
  EXPECT_EQ(reason(), "Frames stay whole because of: denoising; the compositor reads Depth.");
  EXPECT_EQ(choice(of, 100).whole_because, "") << "nobody would divide it";
  of.sharding->whole_frames.clear();
  of.sharding->samples = 0;
  EXPECT_NE(reason().find("not analysed"), std::string::npos);
  of.sharding->samples = 64;
  of.requirements->engine = wire::Engine::eevee;
  EXPECT_NE(reason().find("eevee"), std::string::npos);
  of.requirements->engine = wire::Engine::cycles;
  of.sharding->mode = wire::ShardMode::samples;
  of.sharding->adaptive = true;
  EXPECT_NE(reason().find("adaptive"), std::string::npos);
  of.sharding->adaptive = false;
  of.sharding->samples = 20;
  EXPECT_NE(reason().find("too few"), std::string::npos);
  of.sharding->mode = wire::ShardMode::frames;
  EXPECT_EQ(reason(), "");
}

TEST(Division, AdaptiveSamplingGetsAMarginAndNoRanges) {
  wire::ManifestT of = manifest(1000, 1000, 4096);
  of.sharding->adaptive = true;
  of.sharding->max_tiles = 4;
  const Division division = choice(of, 12 * 300).division;
  EXPECT_EQ(division, (Division{1, 2, 2, 1}));
  EXPECT_EQ(shard_text(ShardPlan(of, division).at(3)), "frame=1 tile=500,500,1000,1000 margin=4");
}

TEST(Division, AFrameIsHalvedWhereRangesOfItsSamplesMerge) {
  wire::ManifestT of = manifest(1920, 1080, 32);
  EXPECT_FALSE(can_be_halved(of, {100, 1})) << "it is not known how many replicas are wanted";
  of.policy = std::make_unique<wire::PolicyT>();
  of.policy->replicas = 2;
  const auto possible = [&] { return can_be_halved(of, {10, 1}); };
  EXPECT_TRUE(possible());
  EXPECT_FALSE(can_be_halved(of, {9.9, 1})) << "most of it would be loading the scene";
  EXPECT_FALSE(can_be_halved(of, {0, 0})) << "nobody knows what it takes";
  of.policy->replicas = 3;
  EXPECT_FALSE(possible());
  of.policy->replicas = 2;
  of.sharding->samples = 31;
  EXPECT_FALSE(possible()) << "at least 16 samples each";
  of.sharding->samples = 33;
  EXPECT_TRUE(possible());
  of.sharding->adaptive = true;
  EXPECT_FALSE(possible());
  of.sharding->adaptive = false;
  of.sharding->whole_frames = {"denoising"};
  EXPECT_FALSE(possible());
  of.sharding->whole_frames.clear();
  of.requirements->engine = wire::Engine::eevee;
  EXPECT_FALSE(possible());
}

TEST(Division, HalvesAreAllOfTheSamples) {
  EXPECT_EQ(shard_text(half_of(Shard{3}, 0, 64)), "frame=3 samples=0+32/64");
  EXPECT_EQ(shard_text(half_of(Shard{3}, 1, 64)), "frame=3 samples=32+32/64");
  for (const std::uint32_t samples : {32U, 33U, 4097U}) {
    const auto first = half_of(Shard{3}, 0, samples).samples.value();
    const auto second = half_of(Shard{3}, 1, samples).samples.value();
    EXPECT_EQ(first.first, 0U);
    EXPECT_EQ(second.first, first.count);
    EXPECT_EQ(first.count + second.count, samples);
    EXPECT_LE(second.count - first.count, 1U);
  }
}

TEST(CostEstimate, LearnsFromUnitsAndNoSingleOneTurnsIt) {
  wire::ManifestT of = manifest();
  CostEstimate unknown(of);
  EXPECT_EQ(unknown.cost().frame_seconds, 0);
  unknown.observe(0.25, 102.5);
  EXPECT_DOUBLE_EQ(unknown.cost().frame_seconds, 400);
  unknown.observe(0, 5);
  unknown.observe(1, std::nan(""));
  unknown.observe(1, -5);
  EXPECT_DOUBLE_EQ(unknown.cost().frame_seconds, 400);
  of.estimate->seconds_per_frame = 100;
  of.estimate->fixed_seconds = 4;
  CostEstimate estimate(of);
  EXPECT_EQ(estimate.cost().fixed_seconds, 4);
  estimate.observe(1, 1e9);
  EXPECT_LT(estimate.cost().frame_seconds, 120);
  for (int unit = 0; unit < 60; ++unit) estimate.observe(0.5, 304);
  EXPECT_NEAR(estimate.cost().frame_seconds, 600, 6);
}

TEST(CostEstimate, AShardIsItsShareOfPixelsAndSamples) {
  Shard shard{1};
  EXPECT_EQ(share_of_frame(shard, {100, 100}), 1);
  shard.tile = messages::Tile{{0, 0, 50, 50}, 0};
  shard.samples = messages::SampleRange{0, 16, 64};
  EXPECT_EQ(share_of_frame(shard, {100, 100}), 1.0 / 16);
  EXPECT_EQ(share_of_frame(Shard{1, 3}, {100, 100}), 3);
}

}  // namespace
}  // namespace worldshare::sharding
