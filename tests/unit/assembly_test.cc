#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <vector>

#include "shared/files.h"
#include "shared/sharding/shard_plan.h"
#include "tests/support/temp_folder.h"
#include "verifier/assembly/assemble.h"
#include "verifier/assembly/cover.h"
#include "verifier/assembly/float_file.h"

namespace worldshare::verifier {
namespace {

using messages::FrameSize;
using messages::Shard;

constexpr FrameSize kFrame{97, 55};

Shape float_shape(std::uint32_t width, std::uint32_t height) {
  return {width, height, 4, Depth::kF32};
}

/// Any bits, NaN and infinities too, or numbers.
Picture random_picture(const Shape& shape, unsigned seed, bool any_bits) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> numbers(0, 8);
  Picture out(shape);
  for (std::uint32_t y = 0; y < shape.height; ++y) {
    for (std::uint32_t i = 0; i < shape.width * 4; ++i) {
      const auto bits = static_cast<std::uint32_t>(random());
      float value = numbers(random);
      if (any_bits) std::memcpy(&value, &bits, sizeof value);
      std::memcpy(out.row<float>(y) + i, &value, sizeof value);
    }
  }
  return out;
}

/// What an agent hands in of `frame`: the shard's pixels with their margin.
Picture cut(const Picture& frame, const Shard& shard) {
  const auto box = rendered_box(shard, kFrame);
  Picture out(float_shape(box.width(), box.height()));
  for (std::uint32_t y = 0; y < box.height(); ++y) {
    std::memcpy(out.row<float>(y), frame.row<float>(box.y0 + y) + std::size_t{box.x0} * 4,
                std::size_t{box.width()} * 16);
  }
  return out;
}

std::vector<Shard> shards_of(const sharding::Division& division, bool adaptive = false) {
  wire::ManifestT manifest;
  manifest.frames = std::make_unique<wire::FrameRangeT>();
  manifest.frames->first = manifest.frames->last = 7;
  manifest.output = std::make_unique<wire::OutputT>();
  manifest.output->width = kFrame.width;
  manifest.output->height = kFrame.height;
  manifest.sharding = std::make_unique<wire::ShardingT>();
  manifest.sharding->samples = 100;
  manifest.sharding->adaptive = adaptive;
  const sharding::ShardPlan plan(manifest, division);
  std::vector<Shard> out;
  for (std::uint64_t n = 0; n < plan.count(); ++n) out.push_back(plan.at(n));
  std::ranges::shuffle(out, std::mt19937(3));
  return out;
}

Result<Picture> assemble_cut(const Picture& frame, const std::vector<Shard>& shards) {
  return assemble(shards, kFrame, [&](std::size_t n) { return cut(frame, shards[n]); });
}

TEST(Assembly, TilesBecomeTheFrameBitByBit) {
  const Picture frame = random_picture(float_shape(kFrame.width, kFrame.height), 1, true);
  for (const sharding::Division division :
       {sharding::Division{1, 2, 2, 1}, {1, 3, 3, 1}, {1, 97, 1, 1}, {1, 7, 5, 1}}) {
    for (const bool adaptive : {false, true}) {
      const auto out = assemble_cut(frame, shards_of(division, adaptive));
      ASSERT_TRUE(out) << out.error().message;
      EXPECT_TRUE(same_pixels(*out, frame)) << division.columns << "x" << division.rows;
    }
  }
}

TEST(Assembly, RangesOfSamplesBecomeTheirWeightedMeanWhateverTheirOrder) {
  const std::vector<Shard> in_order{{7, 1, 1, {}, messages::SampleRange{0, 10, 64}},
                                    {7, 1, 1, {}, messages::SampleRange{10, 1, 64}},
                                    {7, 1, 1, {}, messages::SampleRange{11, 53, 64}}};
  std::vector<Picture> parts;
  for (unsigned seed = 0; seed < 3; ++seed) {
    parts.push_back(random_picture(float_shape(kFrame.width, kFrame.height), seed, false));
  }
  const auto out = assemble(in_order, kFrame, [&](std::size_t n) { return parts[n]; });
  ASSERT_TRUE(out) << out.error().message;
  for (std::uint32_t y = 0; y < kFrame.height; ++y) {
    for (std::uint32_t i = 0; i < kFrame.width * 4; ++i) {
      const auto at = [&](std::size_t n) { return double{parts[n].row<float>(y)[i]}; };
      const double mean = (10 * at(0) + at(1) + 53 * at(2)) / 64;
      ASSERT_EQ(out->row<float>(y)[i], static_cast<float>(mean)) << i << "," << y;
    }
  }
  const std::vector<Shard> turned{in_order[2], in_order[0], in_order[1]};
  const std::vector<Picture> turned_parts{parts[2], parts[0], parts[1]};
  const auto again = assemble(turned, kFrame, [&](std::size_t n) { return turned_parts[n]; });
  EXPECT_TRUE(same_pixels(*out, *again));
}

TEST(Assembly, EqualRangesOfEveryTileBecomeTheFrame) {
  const Picture frame = random_picture(float_shape(kFrame.width, kFrame.height), 5, false);
  const auto out = assemble_cut(frame, shards_of({1, 3, 2, 4}));
  ASSERT_TRUE(out) << out.error().message;
  EXPECT_TRUE(same_pixels(*out, frame));
}

TEST(Assembly, WhatIsNotOneFrameIsRefused) {
  const std::vector<Shard> good = shards_of({1, 2, 2, 3});
  ASSERT_TRUE(cover(good, kFrame));
  const auto refused = [&](auto change) {
    auto shards = good;
    change(shards);
    const auto out = cover(shards, kFrame);
    return !out && out.error().code == Errc::kInvalid;
  };
  EXPECT_TRUE(refused([](auto& s) { s.clear(); }));
  EXPECT_TRUE(refused([](auto& s) { s.pop_back(); }));
  EXPECT_TRUE(refused([](auto& s) { s.push_back(s[3]); }));
  EXPECT_TRUE(refused([](auto& s) { s[2].frame = 8; }));
  EXPECT_TRUE(refused([](auto& s) { s[2].samples.reset(); }));
  EXPECT_TRUE(refused([](auto& s) { s[2].samples->total = 101; }));
  EXPECT_TRUE(refused([](auto& s) { s[2].tile->box.x0 += 1; }));
  EXPECT_TRUE(refused([](auto& s) { s[2] = Shard{7}; }));
  EXPECT_TRUE(refused([](auto& s) { s.erase(s.begin(), s.begin() + 11); }));
  auto tiles = shards_of({1, 2, 2, 1});
  std::ranges::sort(tiles, {},
                    [](const Shard& s) { return std::pair(s.tile->box.y0, s.tile->box.x0); });
  tiles[0].tile->box.x1 += 1;
  tiles[2].tile->box.x1 -= 1;
  EXPECT_FALSE(cover(tiles, kFrame)) << "an overlap as large as a hole: " << tiles.size();
}

TEST(Assembly, APartOfOtherPixelsOrThatCannotBeReadIsSaid) {
  const auto shards = shards_of({1, 2, 2, 1});
  const auto outcome = [&](auto load) { return assemble(shards, kFrame, load).error().code; };
  EXPECT_EQ(outcome([](std::size_t) -> Result<Picture> { return Picture(float_shape(48, 20)); }),
            Errc::kInvalid);
  EXPECT_EQ(outcome([](std::size_t) -> Result<Picture> {
              return Picture(Shape{kFrame.width, kFrame.height, 4, Depth::kF16});
            }),
            Errc::kInvalid);
  EXPECT_EQ(outcome([](std::size_t) -> Result<Picture> { return fail(Errc::kNotFound, "gone"); }),
            Errc::kNotFound);
}

TEST(Assembly, ItsMemoryIsTheFrameAndOneTile) {
  const std::uint64_t frame = float_shape(kFrame.width, kFrame.height).size_bytes();
  EXPECT_EQ(assembling_bytes(shards_of({1, 3, 3, 1}), kFrame), frame);
  EXPECT_EQ(assembling_bytes(shards_of({1, 1, 1, 2}), kFrame), frame + 97 * 55 * 32);
  EXPECT_EQ(assembling_bytes(shards_of({1, 97, 55, 2}), kFrame), frame + 32);
}

TEST(FloatFile, IsReadBackAsItWas) {
  const testing::TempFolder folder;
  const Picture frame = random_picture(float_shape(kFrame.width, kFrame.height), 9, true);
  const auto path = folder.path() / "frame.exr";
  ASSERT_TRUE(write_float_file(path, frame));
  const auto bytes = read_file(path, 1U << 20);
  ASSERT_TRUE(bytes);
  ImageLimits limits;
  limits.format = image::Format::kExr;
  limits.width = kFrame.width;
  limits.height = kFrame.height;
  limits.float_rgba = true;
  const auto picture = decode(as_bytes(*bytes), limits);
  ASSERT_TRUE(picture) << picture.error().message;
  EXPECT_TRUE(same_pixels(*picture, frame));
  EXPECT_EQ(write_float_file(folder.path() / "none" / "frame.exr", frame).error().code,
            Errc::kUnavailable);
}

}  // namespace
}  // namespace worldshare::verifier
