#include "verifier/metrics/metrics.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <cmath>
#include <limits>
#include <opencv2/core.hpp>
#include <opencv2/imgcodecs.hpp>
#include <string>

#include "shared/files.h"

namespace worldshare::verifier {
namespace {

const std::string kFolder = WS_SOURCE_DIR "/tests/golden/metrics/";
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

DecodedImage load(const std::string& name) {
  return {cv::imread(kFolder + name, cv::IMREAD_UNCHANGED)};
}

void expect_psnr(const boost::json::object& expected, const char* key, double actual) {
  if (expected.at(key).is_null()) {
    EXPECT_EQ(actual, std::numeric_limits<double>::infinity());
  } else {
    EXPECT_NEAR(actual, expected.at(key).to_number<double>(), 1e-9);
  }
}

DecodedImage floats(int width, int height, float value) {
  return {cv::Mat(height, width, CV_32FC3, cv::Scalar::all(value))};
}

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
    EXPECT_NEAR(metrics->ssim, expected.at("ssim").to_number<double>(), 1e-9);
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
  DecodedImage a{cv::Mat(1000, 1000, CV_16UC3, cv::Scalar::all(65535))};
  DecodedImage b{a.pixels.clone()};
  b.pixels.ptr<std::uint16_t>(999)[2999] = 65534;
  const auto metrics = measure(a, b);
  EXPECT_NEAR(metrics->psnr_db, 10 * std::log10(65535.0 * 65535.0 * 3e6), 1e-9);
}

TEST(Metrics, OtherShapesAreRefused) {
  EXPECT_EQ(measure(load("rgb8.png"), load("rgba8.png")).error().code, Errc::kInvalid);
  EXPECT_EQ(measure(load("rgb8.png"), load("grey8.png")).error().code, Errc::kInvalid);
  EXPECT_FALSE(measure({}, {}));
}

TEST(Metrics, FloatsAreComparedByTheirLogarithm) {
  const auto metrics = measure(floats(16, 16, 1.0F), floats(16, 16, 3.0F));  // log2: 1 and 2
  EXPECT_NEAR(metrics->psnr_db, 0, 1e-12);
  const auto clamped = measure(floats(16, 16, -5.0F), floats(16, 16, 0.0F));
  EXPECT_EQ(clamped->psnr_db, std::numeric_limits<double>::infinity());
}

TEST(Metrics, NonFiniteSamplesCountWhereTheyDiffer) {
  DecodedImage a = floats(16, 16, 0.5F);
  DecodedImage b = floats(16, 16, 0.5F);
  a.pixels.ptr<float>(3)[4] = b.pixels.ptr<float>(3)[4] = kNan;
  a.pixels.ptr<float>(5)[6] = b.pixels.ptr<float>(5)[6] = kInfinity;
  EXPECT_EQ(measure(a, b)->non_finite_mismatches, 0U);
  EXPECT_EQ(measure(a, b)->ssim, 1.0);
  b.pixels.ptr<float>(5)[6] = -kInfinity;
  b.pixels.ptr<float>(7)[8] = kNan;
  EXPECT_EQ(measure(a, b)->non_finite_mismatches, 2U);
}

}  // namespace
}  // namespace worldshare::verifier
