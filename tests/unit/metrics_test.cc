#include "verifier/metrics/metrics.h"

#include <gtest/gtest.h>

#include <array>
#include <boost/json.hpp>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "shared/files.h"
#include "verifier/image/decode.h"

namespace worldshare::verifier {
namespace {

const std::string kFolder = WS_SOURCE_DIR "/tests/golden/metrics/";
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

Picture load(const std::string& name) {
  const auto text = read_file(kFolder + name, 64 << 20).value();
  const auto header = image::read_header(as_bytes(text)).value();
  return decode(as_bytes(text), {header.format, header.width, header.height}).value();
}

void expect_psnr(const boost::json::object& expected, const char* key, double actual) {
  if (expected.at(key).is_null()) {
    EXPECT_EQ(actual, std::numeric_limits<double>::infinity());
  } else {
    EXPECT_NEAR(actual, expected.at(key).to_number<double>(), 1e-9);
  }
}

Result<PairMetrics> measure(const Picture& a,
                            const Picture& b,
                            const MetricsOptions& options = {}) {
  auto out = make_cpu_metrics(options)->measure(std::array{a, b});
  if (!out) return std::unexpected(out.error());
  return std::move(out->front());
}

template <class T>
Picture filled(Depth depth, std::uint32_t side, T value) {
  Picture out({side, side, 3, depth});
  for (std::uint32_t y = 0; y < side; ++y) std::fill_n(out.row<T>(y), 3 * side, value);
  return out;
}
Picture floats(float value) { return filled(Depth::kF32, 16, value); }

TEST(Metrics, EqualTheReferenceOnTheGoldenImages) {
  const auto text = read_file(kFolder + "expected.json", 1 << 20);
  ASSERT_TRUE(text);
  const boost::json::value pairs = boost::json::parse(*text);
  for (const auto& entry : pairs.as_array()) {
    const auto& expected = entry.as_object();
    const std::string a(expected.at("a").as_string());
    const std::string b(expected.at("b").as_string());
    SCOPED_TRACE(a + " " + b);
    const auto metrics = measure(load(a), load(b));
    ASSERT_TRUE(metrics);
    expect_psnr(expected, "psnr_db", metrics->psnr_db);
    expect_psnr(expected, "low_pass_psnr_db", metrics->low_pass_psnr_db);
    expect_psnr(expected, "worst_block_psnr_db", metrics->worst_block_psnr_db);
    EXPECT_EQ(metrics->worst_block_x, expected.at("worst_block").at(0).to_number<std::uint32_t>());
    EXPECT_EQ(metrics->worst_block_y, expected.at("worst_block").at(1).to_number<std::uint32_t>());
    EXPECT_NEAR(metrics->noise_ratio, expected.at("noise_ratio").to_number<double>(), 1e-9);
    EXPECT_NEAR(metrics->ssim, expected.at("ssim").to_number<double>(), 1e-6);
    const auto reflected = measure(load(a), load(b), {Coding::kLog, true});
    EXPECT_NEAR(reflected->ssim, expected.at("ssim_reflect").to_number<double>(), 1e-6);
    EXPECT_EQ(metrics->alpha_psnr_db.has_value(), expected.contains("alpha_psnr_db"));
    if (metrics->alpha_psnr_db) expect_psnr(expected, "alpha_psnr_db", *metrics->alpha_psnr_db);
  }
}

TEST(Metrics, AreSymmetric) {
  const auto there = measure(load("rgb16.png"), load("rgb16_strong.png"));
  const auto back = measure(load("rgb16_strong.png"), load("rgb16.png"));
  EXPECT_EQ(there->psnr_db, back->psnr_db);
  EXPECT_DOUBLE_EQ(there->ssim, back->ssim);
}

TEST(Metrics, IdenticalPicturesScoreExactlyOne) {
  const auto metrics = measure(load("rgb8.png"), load("rgb8.png"));
  EXPECT_EQ(metrics->ssim, 1.0);
  EXPECT_EQ(metrics->psnr_db, std::numeric_limits<double>::infinity());
}

TEST(Metrics, OneStepOfOneSampleIsCountedExactly) {
  const auto a = filled<std::uint16_t>(Depth::kU16, 1000, 65535);
  auto b = filled<std::uint16_t>(Depth::kU16, 1000, 65535);
  b.row<std::uint16_t>(999)[2999] = 65534;
  const auto metrics = measure(a, b);
  EXPECT_NEAR(metrics->psnr_db, 10 * std::log10(65535.0 * 65535.0 * 3e6), 1e-9);
}

std::string refusal(const std::vector<Picture>& replicas) {
  const auto refused = make_cpu_metrics({})->measure(replicas);
  if (refused) return "";
  EXPECT_EQ(refused.error().code, Errc::kInvalid);
  return refused.error().message;
}

TEST(Metrics, OtherShapesAreRefusedByTheirNames) {
  const Picture rgb = load("rgb8.png");
  EXPECT_EQ(refusal({rgb, load("grey8.png")}),
            "the pictures differ: one is 32x24 with 3 channels of 8 bits, another 30x11 with 1 "
            "channel of 8 bits");
  EXPECT_EQ(refusal({rgb, rgb, filled(Depth::kF32, 16, 0.5F)}),
            "the pictures differ: one is 32x24 with 3 channels of 8 bits, another 16x16 with 3 "
            "channels of floats");
  EXPECT_EQ(refusal({rgb, {}}), "picture 1 is empty");
}

TEST(Metrics, OnlyTwoToFiveReplicasAreCompared) {
  const Picture rgb = load("rgb8.png");
  EXPECT_EQ(refusal({}), "2 to 5 pictures can be compared, not 0");
  EXPECT_EQ(refusal({rgb}), "2 to 5 pictures can be compared, not 1");
  EXPECT_EQ(refusal(std::vector<Picture>(9, rgb)), "2 to 5 pictures can be compared, not 9");
  EXPECT_EQ(refusal(std::vector<Picture>(5, rgb)), "");
}

TEST(Metrics, PairsAreNumberedRowByRow) {
  EXPECT_EQ(pair_count(5), 10U);
  EXPECT_EQ(pair_index(0, 1, 5), 0U);
  EXPECT_EQ(pair_index(1, 2, 5), 4U);
  EXPECT_EQ(pair_index(3, 4, 5), 9U);
}

TEST(Metrics, FloatsAreComparedByTheirLogarithm) {
  const auto metrics = measure(floats(1.0F), floats(3.0F));  // log2: 1 and 2
  EXPECT_NEAR(metrics->psnr_db, 0, 1e-12);
  const auto clamped = measure(floats(-5.0F), floats(0.0F));
  EXPECT_EQ(clamped->psnr_db, std::numeric_limits<double>::infinity());
  EXPECT_EQ(clamped->non_finite_mismatches, 16U * 16 * 3);
}

/// Of two pictures that hold one of these everywhere.
std::uint64_t mismatches(float a, float b) {
  const auto there = measure(floats(a), floats(b))->non_finite_mismatches;
  EXPECT_EQ(measure(floats(b), floats(a))->non_finite_mismatches, there);
  EXPECT_EQ(measure(floats(a), floats(b), {Coding::kLinear})->non_finite_mismatches, there);
  return there / (16 * 16 * 3);
}

TEST(Metrics, WhatTheCodingHidesIsAMismatch) {
  for (const float black : {0.0F, -0.001F, 1e-5F}) {
    EXPECT_EQ(mismatches(black, -1e30F), 1U);
    EXPECT_EQ(mismatches(black, -0.01F), 1U);
  }
  EXPECT_EQ(mismatches(65504.0F, 1e6F), 1U);
  EXPECT_EQ(mismatches(1e6F, 3e38F), 1U);
  EXPECT_EQ(mismatches(-3e38F, 3e38F), 1U);
}

TEST(Metrics, WhatLiesAtTheEdgeOrIsAlikeIsNoMismatch) {
  for (const float wild : {-1e30F, -5.0F, 1e6F, 3e38F}) EXPECT_EQ(mismatches(wild, wild), 0U);
  EXPECT_EQ(mismatches(0.0F, -0.001F), 0U);
  EXPECT_EQ(mismatches(0.0F, -0.0F), 0U);
  EXPECT_EQ(mismatches(65504.0F, 65600.0F), 0U);
  EXPECT_EQ(mismatches(-0.2F, -0.21F), 0U);
  EXPECT_EQ(mismatches(1e6F, 1.1e6F), 0U);
  EXPECT_EQ(mismatches(0.0F, 60000.0F), 0U) << "other figures see it";
}

/// One sample of many, in each channel and of either picture.
TEST(Metrics, OneHiddenSampleIsFoundWhereverItLies) {
  for (const Depth depth : {Depth::kF16, Depth::kF32}) {
    for (std::uint32_t channel = 0; channel < 4; ++channel) {
      Picture a({131, 40, 4, depth});
      Picture b({131, 40, 4, depth});
      if (depth == Depth::kF32) a.row<float>(39)[130 * 4 + channel] = -1e30F;
      if (depth == Depth::kF16) a.row<std::uint16_t>(39)[130 * 4 + channel] = 0xfbff;  // -65504
      EXPECT_EQ(measure(a, b)->non_finite_mismatches, 1U);
      EXPECT_EQ(measure(b, a)->non_finite_mismatches, 1U);
    }
  }
}

TEST(Metrics, NonFiniteSamplesCountWhereTheyDiffer) {
  Picture a = floats(0.5F);
  Picture b = floats(0.5F);
  a.row<float>(3)[4] = b.row<float>(3)[4] = kNan;
  a.row<float>(5)[6] = b.row<float>(5)[6] = kInfinity;
  EXPECT_EQ(measure(a, b)->non_finite_mismatches, 0U);
  EXPECT_EQ(measure(a, b)->ssim, 1.0);
  b.row<float>(5)[6] = -kInfinity;
  b.row<float>(7)[8] = kNan;
  EXPECT_EQ(measure(a, b)->non_finite_mismatches, 2U);
}

}  // namespace
}  // namespace worldshare::verifier
