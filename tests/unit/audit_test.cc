#include "verifier/audit/audit.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <set>

namespace worldshare::verifier {
namespace {

using messages::FrameSize;
using messages::PixelBox;
using sharding::AuditPlan;
using sharding::kAuditBlock;
using sharding::plan_audit;

constexpr FrameSize kSize{97, 55};
constexpr std::uint32_t kSamples = 32;

std::uint8_t level(double value) {
  return static_cast<std::uint8_t>(std::clamp(std::lround(value), 0L, 255L));
}

/// A gradient with an edge, and the noise of so many samples.
Picture rendered(std::uint32_t samples, unsigned seed) {
  Picture out(Shape{kSize.width, kSize.height, 3, Depth::kU8});
  std::mt19937 random(seed);
  std::normal_distribution<double> noise(0, 40 / std::sqrt(samples));
  for (std::uint32_t y = 0; y < kSize.height; ++y) {
    for (std::uint32_t x = 0; x < kSize.width * 3; ++x) {
      out.row<std::uint8_t>(y)[x] = level((x < 150 ? 60 : 140) + y + noise(random));
    }
  }
  return out;
}

/// As agents/blender/audit.py renders one of `honest`.
Picture audit_of(const Picture& honest, const AuditPlan& plan) {
  const Picture few = rendered(plan.samples, 77);
  Picture out(honest.shape());
  const std::size_t channels = honest.shape().channels;
  for (std::uint32_t y = 0; y < kSize.height; ++y) {
    for (std::uint32_t x = 0; x < kSize.width; ++x) {
      const std::uint32_t left = x / kAuditBlock * kAuditBlock;
      const std::uint32_t top = y / kAuditBlock * kAuditBlock;
      for (std::size_t c = 0; c < channels; ++c) {
        double sum = 0;
        double pixels = 0;
        for (std::uint32_t v = top; v < std::min(top + kAuditBlock, kSize.height); ++v) {
          for (std::uint32_t u = left; u < std::min(left + kAuditBlock, kSize.width); ++u) {
            sum += few.row<std::uint8_t>(v)[u * channels + c];
            ++pixels;
          }
        }
        out.row<std::uint8_t>(y)[x * channels + c] = level(sum / pixels);
      }
    }
  }
  for (const PixelBox& box : plan.tiles) {
    for (std::uint32_t y = box.y0; y < box.y1; ++y) {
      std::copy_n(honest.row<std::uint8_t>(y) + box.x0 * channels, box.width() * channels,
                  out.row<std::uint8_t>(y) + box.x0 * channels);
    }
  }
  return out;
}

Picture copy(const Picture& from) {
  Picture out(from.shape());
  std::copy_n(from.data(), from.shape().size_bytes(), out.data());
  return out;
}

class Audit : public ::testing::Test {
 protected:
  std::string fault_of(const Picture& claim) const {
    const auto found = examine_audit(claim, audit_, plan_);
    EXPECT_TRUE(found) << found.error().message;
    return found ? fault_found(*found) : "";
  }

  const AuditPlan plan_ = plan_audit(5, 64, kSamples, kSize);
  const Picture honest_ = rendered(kSamples, 1);
  const Picture audit_ = audit_of(honest_, plan_);
};

TEST_F(Audit, FindsNothingInAnHonestPicture) { EXPECT_EQ(fault_of(honest_), ""); }

TEST_F(Audit, SeesAnotherSeedInTheTiles) {
  EXPECT_NE(fault_of(rendered(kSamples, 2)).find("tiles show other pixels"), std::string::npos);
}

TEST_F(Audit, SeesNoiseThatIsTooSmallToShow) {
  Picture claim = copy(honest_);
  std::mt19937 random(3);
  for (std::uint32_t y = 0; y < kSize.height; ++y) {
    for (std::uint32_t x = 0; x < kSize.width * 3; ++x) {
      auto& sample = claim.row<std::uint8_t>(y)[x];
      if (random() % 4 == 0 && sample < 255) ++sample;
    }
  }
  EXPECT_NE(fault_of(claim).find("samples in tiles differ"), std::string::npos);
}

TEST_F(Audit, SeesARegionThatNoTileHits) {
  Picture claim = copy(honest_);
  const PixelBox region{40, 16, 56, 32};
  for (std::uint32_t y = region.y0; y < region.y1; ++y) {
    for (std::uint32_t x = region.x0; x < region.x1; ++x) {
      const auto in = [&](const PixelBox& tile) {
        return x >= tile.x0 && x < tile.x1 && y >= tile.y0 && y < tile.y1;
      };
      if (std::ranges::any_of(plan_.tiles, in)) continue;
      for (std::uint32_t c = 0; c < 3; ++c) claim.row<std::uint8_t>(y)[x * 3 + c] = 250;
    }
  }
  EXPECT_NE(fault_of(claim).find("the frame shows something else"), std::string::npos);
}

TEST_F(Audit, ForgivesAFewSamplesThatThreadsMoved) {
  Picture claim = copy(honest_);
  const PixelBox& tile = plan_.tiles.front();
  claim.row<std::uint8_t>(tile.y0)[tile.x0 * 3] ^= 1U;
  EXPECT_EQ(fault_of(claim), "");
}

TEST_F(Audit, RefusesPicturesAndPlansThatDoNotFit) {
  const Picture other(Shape{kSize.width, kSize.height, 4, Depth::kU8});
  EXPECT_EQ(examine_audit(honest_, other, plan_).error().code, Errc::kInvalid);
  EXPECT_EQ(examine_audit(Picture(), Picture(), plan_).error().code, Errc::kInvalid);
  AuditPlan plan = plan_;
  plan.tiles.push_back({kSize.width - 1, 0, kSize.width + 1, 2});
  EXPECT_EQ(examine_audit(honest_, audit_, plan).error().code, Errc::kInvalid);
  plan = plan_;
  plan.tiles.push_back({4, 4, 4, 6});
  EXPECT_EQ(examine_audit(honest_, audit_, plan).error().code, Errc::kInvalid);
  plan = plan_;
  plan.samples = plan.total + 1;
  EXPECT_EQ(examine_audit(honest_, audit_, plan).error().code, Errc::kInvalid);
}

TEST(AuditOfFloats, IsNotLedAstrayByNumbersThatAreNone) {
  const AuditPlan plan = plan_audit(1, 16, 8, {16, 16});
  Picture audit(Shape{16, 16, 4, Depth::kF32});
  Picture claim = copy(audit);
  for (std::uint32_t y = 0; y < 16; ++y) {
    for (std::uint32_t x = 0; x < 64; ++x) {
      claim.row<float>(y)[x] = x % 3 == 0   ? std::numeric_limits<float>::quiet_NaN()
                               : x % 3 == 1 ? -1e30F
                                            : std::numeric_limits<float>::infinity();
    }
  }
  const auto found = examine_audit(claim, audit, plan);
  ASSERT_TRUE(found);
  EXPECT_TRUE(std::isfinite(found->block));
  EXPECT_EQ(found->differing, found->samples);
  EXPECT_NE(fault_found(*found), "");
  EXPECT_EQ(fault_found(*examine_audit(claim, copy(claim), plan)), "") << "who has the same agrees";
}

TEST(AuditOfFloats, SeesWhatTheCodingHides) {
  const AuditPlan plan = plan_audit(1, 16, 8, {16, 16});
  const Picture audit(Shape{16, 16, 4, Depth::kF32});
  Picture claim = copy(audit);
  const auto fill = [&](float value) {
    for (std::uint32_t y = 0; y < 16; ++y) std::fill_n(claim.row<float>(y), 64, value);
    return fault_found(*examine_audit(claim, audit, plan));
  };
  EXPECT_NE(fill(-1e30F), "");
  EXPECT_NE(fill(-0.01F), "");
  EXPECT_EQ(fill(-0.001F), "") << "so little is left by filters";
}

TEST(AuditPlan, HasOneTileInEachCellAndNoneTwice) {
  for (const FrameSize size : {FrameSize{1920, 1080}, {97, 55}, {2, 2}, {3, 1000}, {7, 7}}) {
    for (const std::uint32_t wanted : {1U, 16U, 64U, 256U, 5000U}) {
      const AuditPlan plan = plan_audit(9, wanted, 100, size);
      std::set<std::pair<std::uint32_t, std::uint32_t>> pixels;
      for (const PixelBox& box : plan.tiles) {
        EXPECT_LE(box.x1, size.width);
        EXPECT_LE(box.y1, size.height);
        EXPECT_EQ(box.width() * box.height(), 4U);
        for (std::uint32_t y = box.y0; y < box.y1; ++y) {
          for (std::uint32_t x = box.x0; x < box.x1; ++x) {
            EXPECT_TRUE(pixels.emplace(x, y).second);
          }
        }
      }
      EXPECT_GE(plan.tiles.size(), 1U);
      EXPECT_LE(plan.tiles.size(), wanted + wanted / 4 + 8);
    }
  }
  EXPECT_NEAR(static_cast<double>(plan_audit(1, 256, 100, {1920, 1080}).tiles.size()), 256, 16);
}

TEST(AuditPlan, IsTheSameFromTheSameSeedAndAnotherFromAnother) {
  const FrameSize size{1920, 1080};
  EXPECT_EQ(plan_audit(1, 64, 100, size), plan_audit(1, 64, 100, size));
  EXPECT_NE(plan_audit(1, 64, 100, size), plan_audit(2, 64, 100, size));
  // What agents and verifiers of other versions must find, too.
  EXPECT_EQ(plan_audit(1, 4, 100, size).tiles.front(), (PixelBox{248, 903, 250, 905}));
}

TEST(AuditPlan, OfAPartLiesWhereItsPixelsAreUsedAndIsCountedFromItsCorner) {
  messages::Shard shard;
  shard.tile = messages::Tile{{100, 50, 164, 98}, 4};
  shard.samples = messages::SampleRange{32, 32, 64};
  const AuditPlan part = plan_audit(9, 64, 64, shard, {200, 98});
  const AuditPlan used = plan_audit(9, 64, 32, {64, 48});
  ASSERT_EQ(part.tiles.size(), used.tiles.size());
  EXPECT_EQ(part.total, 32U);
  for (std::size_t i = 0; i < used.tiles.size(); ++i) {
    const PixelBox& box = used.tiles[i];
    EXPECT_EQ(part.tiles[i], (PixelBox{box.x0 + 4, box.y0 + 4, box.x1 + 4, box.y1 + 4}));
  }
  shard.tile->box = {0, 0, 64, 48};
  EXPECT_EQ(plan_audit(9, 64, 64, shard, {200, 98}).tiles, used.tiles) << "no margin there";
  EXPECT_EQ(plan_audit(9, 64, 64, messages::Shard{}, {64, 48}), plan_audit(9, 64, 64, {64, 48}));
}

TEST(AuditPlan, TakesFewSamples) {
  EXPECT_EQ(plan_audit(1, 4, 1, kSize).samples, 1U);
  EXPECT_EQ(plan_audit(1, 4, 24, kSize).samples, 3U);
  EXPECT_EQ(plan_audit(1, 4, 4096, kSize).samples, 4U);
}

}  // namespace
}  // namespace worldshare::verifier
