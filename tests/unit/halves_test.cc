#include "verifier/audit/halves.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <utility>

namespace worldshare::verifier {
namespace {

constexpr std::uint32_t kWidth = 97;
constexpr std::uint32_t kHeight = 55;
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

Shape shape_of(std::uint32_t width, std::uint32_t height) {
  return {width, height, 4, Depth::kF32};
}

/// What both halves expect: a gradient with an edge, opaque.
float expected(std::uint32_t x, std::uint32_t channel) {
  if (channel == 3) return 1;
  return (x < 50 ? 0.2F : 0.8F) + 0.002F * static_cast<float>(x) +
         0.1F * static_cast<float>(channel);
}

/// With Gaussian noise of this standard deviation.
Picture half(unsigned seed, float noise, const Shape& shape = shape_of(kWidth, kHeight)) {
  Picture out(shape);
  std::mt19937 random(seed);
  std::normal_distribution<float> draw(0, 1);
  for (std::uint32_t y = 0; y < shape.height; ++y) {
    for (std::uint32_t i = 0; i < shape.width * 4; ++i) {
      const float off = i % 4 == 3 ? 0 : noise * draw(random);
      out.row<float>(y)[i] = std::max(0.0F, expected(i / 4, i % 4) + off);
    }
  }
  return out;
}

/// Multiplies the colours of a square of 16 pixels.
void multiply(Picture& picture, std::uint32_t left, std::uint32_t top, float factor) {
  for (std::uint32_t y = top; y < top + 16; ++y) {
    for (std::uint32_t i = left * 4; i < (left + 16) * 4; ++i) {
      if (i % 4 != 3) picture.row<float>(y)[i] *= factor;
    }
  }
}

HalvesFigures figures_of(const Picture& a, const Picture& b) {
  const auto found = compare_halves(a, b);
  EXPECT_TRUE(found) << found.error().message;
  return found ? *found : HalvesFigures{};
}

std::string difference_of(const Picture& a, const Picture& b) {
  return difference_found(figures_of(a, b));
}

TEST(Halves, WithNoiseOfTheirOwnShowTheSame) {
  for (unsigned seed = 0; seed < 200; ++seed) {
    EXPECT_EQ(difference_of(half(2 * seed, 0.1F), half(2 * seed + 1, 0.1F)), "") << seed;
  }
}

TEST(Halves, AChangedRegionIsNamed) {
  Picture a = half(1, 0.05F);
  multiply(a, 24, 16, 1.3F);
  const auto found = figures_of(a, half(2, 0.05F));
  EXPECT_GE(found.block_x, 3U);
  EXPECT_LE(found.block_x, 4U);
  EXPECT_GE(found.block_y, 2U);
  EXPECT_LE(found.block_y, 3U);
  EXPECT_NE(difference_found(found).find("different things around the pixel"), std::string::npos);
}

TEST(Halves, ARegionTooFaintForABlockIsSeenInAWindow) {
  Picture a = half(3, 0.1F);
  multiply(a, 64, 24, 1.08F);
  const auto found = figures_of(a, half(4, 0.1F));
  EXPECT_LE(found.block, HalvesLimits().block);
  EXPECT_EQ(found.window_x, 8U);
  EXPECT_EQ(found.window_y, 3U);
  EXPECT_EQ(difference_found(found), "the halves show different things near the pixel 72,32");
}

TEST(Halves, AFaintChangeOfTheWholePictureIsSeenInAllBlocksTogether) {
  Picture a = half(3, 0.1F);
  for (std::uint32_t y = 0; y < kHeight; ++y) {
    for (std::uint32_t i = 0; i < kWidth * 4; ++i) a.row<float>(y)[i] *= i % 4 == 3 ? 1 : 1.03F;
  }
  const auto found = figures_of(a, half(4, 0.1F));
  EXPECT_LE(found.block, HalvesLimits().block);
  EXPECT_LE(found.window, HalvesLimits().window);
  EXPECT_NE(difference_found(found).find("slightly different things"), std::string::npos);
}

TEST(Halves, WithoutNoiseAreEqual) {
  const auto found = figures_of(half(1, 0), half(2, 0));
  EXPECT_EQ(found.block, 0);
  EXPECT_EQ(found.window, 0);
  EXPECT_EQ(found.spread, 0);
  EXPECT_EQ(found.noise, 0);
  EXPECT_EQ(difference_found(found), "");
}

TEST(Halves, MayDifferInTheirLastBitsEverywhere) {
  Picture a = half(1, 0);
  for (std::uint32_t y = 0; y < kHeight; ++y) {
    for (std::uint32_t i = 0; i < kWidth * 4; ++i) {
      a.row<float>(y)[i] = std::nextafter(a.row<float>(y)[i], kInfinity);
    }
  }
  EXPECT_EQ(difference_of(a, half(2, 0)), "");
}

TEST(Halves, WithoutNoiseStillSeeAChange) {
  Picture a = half(1, 0);
  multiply(a, 40, 8, 1.05F);
  EXPECT_NE(difference_of(a, half(2, 0)), "");
}

TEST(Halves, MayHaveFirefliesOfTheirOwn) {
  for (const float noise : {0.0F, 0.1F}) {
    Picture a = half(1, noise);
    for (std::uint32_t y = 2; y < kHeight; y += 6) {
      for (std::uint32_t x = 1; x < kWidth; x += 5) {
        std::fill_n(a.row<float>(y) + std::size_t{x} * 4, 3, 5000.0F);
      }
    }
    EXPECT_LE(figures_of(a, half(2, noise)).block, HalvesLimits().block) << noise;
  }
  Picture a = half(1, 0.1F);
  std::fill_n(a.row<float>(20) + std::size_t{30} * 4, 3, 5000.0F);
  EXPECT_EQ(difference_of(a, half(2, 0.1F)), "");
}

TEST(Halves, OfFewerSamplesAreNoisier) {
  const float more = 0.1F * std::sqrt(2.0F);
  EXPECT_EQ(difference_of(half(1, more), half(2, 0.1F)),
            "the first half has more noise than the second: not as many samples");
  EXPECT_EQ(difference_of(half(1, 0.1F), half(2, more)),
            "the second half has more noise than the first: not as many samples");
}

TEST(Halves, ReadNumbersThatAreNoneAsDark) {
  Picture a(shape_of(32, 24));
  for (std::uint32_t y = 0; y < 24; ++y) {
    for (std::uint32_t i = 0; i < 128; ++i) {
      a.row<float>(y)[i] = i % 3 == 0 ? kNaN : i % 3 == 1 ? -1e30F : kInfinity;
    }
  }
  const Picture dark(shape_of(32, 24));
  EXPECT_EQ(difference_of(a, dark), "");
  std::fill_n(a.row<float>(0), 128, 3e38F);
  const auto found = figures_of(a, dark);
  EXPECT_TRUE(std::isfinite(found.block) && std::isfinite(found.window));
}

TEST(Halves, MayHaveFewerPixelsThanABlock) {
  for (const auto& [width, height] :
       {std::pair{1U, 1U}, {2U, 1U}, {1U, 9U}, {7U, 7U}, {15U, 8U}, {23U, 17U}}) {
    for (unsigned seed = 0; seed < 50; ++seed) {
      const Shape shape = shape_of(width, height);
      const auto found = figures_of(half(2 * seed, 0.1F, shape), half(2 * seed + 1, 0.1F, shape));
      EXPECT_LE(found.block, std::sqrt(width * height) + 1e-9);
      EXPECT_EQ(difference_found(found), "") << width << "x" << height;
    }
  }
}

TEST(Halves, AreComparedUpToTheirEdges) {
  Picture a = half(1, 0.05F);
  multiply(a, kWidth - 16, kHeight - 16, 1.3F);
  const auto found = figures_of(a, half(2, 0.05F));
  EXPECT_GT(found.block, HalvesLimits().block);
  EXPECT_EQ(found.block_x, kWidth / kHalvesBlock - 1);
  EXPECT_EQ(found.block_y, kHeight / kHalvesBlock - 1);
}

TEST(Halves, OfHalfFloatsAreComparedToo) {
  Picture a(Shape{16, 16, 3, Depth::kF16});
  const Picture b(a.shape());
  EXPECT_EQ(difference_of(a, b), "");
  std::fill_n(a.row<std::uint16_t>(4), 48, std::uint16_t{0x3c00});  // 1
  EXPECT_GT(figures_of(a, b).block, 0);
}

TEST(Halves, OfOtherShapesAreRefused) {
  const Picture a(shape_of(16, 16));
  for (const Shape& shape : {shape_of(16, 17), shape_of(17, 16), Shape{16, 16, 3, Depth::kF32},
                             Shape{16, 16, 4, Depth::kF16}}) {
    EXPECT_EQ(compare_halves(a, Picture(shape)).error().code, Errc::kInvalid);
  }
  EXPECT_EQ(compare_halves(Picture(), Picture()).error().code, Errc::kInvalid);
  const Picture integers(Shape{16, 16, 4, Depth::kU16});
  EXPECT_EQ(compare_halves(integers, integers).error().code, Errc::kInvalid);
}

}  // namespace
}  // namespace worldshare::verifier
