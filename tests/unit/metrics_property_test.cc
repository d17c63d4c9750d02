#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "tests/support/random_replicas.h"
#include "tests/support/reference_metrics.h"
#include "verifier/metrics/cpu_metrics.h"

namespace worldshare::testing {
namespace {

using verifier::Coding;
using verifier::MetricsOptions;
using verifier::PairMetrics;
using verifier::Picture;

constexpr double kDecibels = 1e-4;
constexpr double kSsim = 1e-6;

void expect_decibels(double expected, double actual, double tolerance) {
  if (std::isinf(expected)) {
    EXPECT_EQ(actual, expected);
  } else {
    EXPECT_NEAR(actual, expected, tolerance);
  }
}

void expect_blocks(const PairMetrics& expected, const PairMetrics& actual, double width) {
  ASSERT_EQ(actual.block_errors.size(), expected.block_errors.size());
  for (std::size_t i = 0; i < expected.block_errors.size(); ++i) {
    const float error = expected.block_errors[i];
    EXPECT_NEAR(actual.block_errors[i], error, 2e-5F * error + 1e-30F);
  }
  // Of blocks that are equal but for rounding either may be the worst.
  const auto columns = static_cast<std::size_t>(std::ceil(width / verifier::kOutlierBlock));
  const float worst = expected.block_errors[actual.worst_block_y * columns + actual.worst_block_x];
  EXPECT_GE(worst, std::ranges::max(expected.block_errors) * (1 - 1e-4F));
}

/// Differences that cancel each other leave what rounding leaves, in the reference too.
void expect_low_pass(const PairMetrics& expected, const PairMetrics& actual) {
  const double rounding = expected.psnr_db + 100;
  if (std::isfinite(rounding) && expected.low_pass_psnr_db > rounding) {
    EXPECT_GT(actual.low_pass_psnr_db, rounding);
  } else {
    expect_decibels(expected.low_pass_psnr_db, actual.low_pass_psnr_db, kDecibels);
  }
}

void expect_alike(const PairMetrics& expected,
                  const PairMetrics& actual,
                  const verifier::Shape& shape) {
  const double exact = is_float(shape.depth) ? kDecibels : 1e-9;
  expect_decibels(expected.psnr_db, actual.psnr_db, exact);
  ASSERT_EQ(actual.alpha_psnr_db.has_value(), expected.alpha_psnr_db.has_value());
  if (expected.alpha_psnr_db)
    expect_decibels(*expected.alpha_psnr_db, *actual.alpha_psnr_db, exact);
  EXPECT_NEAR(actual.ssim, expected.ssim, kSsim);
  EXPECT_NEAR(actual.noise_ratio, expected.noise_ratio, 1e-4);
  expect_low_pass(expected, actual);
  expect_decibels(expected.worst_block_psnr_db, actual.worst_block_psnr_db, exact);
  expect_blocks(expected, actual, shape.width);
  EXPECT_EQ(actual.non_finite_mismatches, expected.non_finite_mismatches);
}

std::vector<PairMetrics> measure(const verifier::kernels::Kernels& kernels,
                                 const std::vector<Picture>& replicas,
                                 const MetricsOptions& options = {}) {
  return verifier::make_cpu_metrics(options, kernels)->measure(replicas).value();
}

/// With every instruction set that this machine has.
void compare_with_reference(const std::vector<Picture>& replicas, const MetricsOptions& options) {
  std::vector<PairMetrics> expected;
  for (std::size_t a = 0; a < replicas.size(); ++a) {
    for (std::size_t b = a + 1; b < replicas.size(); ++b) {
      EXPECT_EQ(verifier::pair_index(a, b, replicas.size()), expected.size());
      expected.push_back(reference_metrics(replicas[a], replicas[b], options));
    }
  }
  for (const auto* kernels : verifier::kernels::available()) {
    SCOPED_TRACE(kernels->name);
    const auto found = measure(*kernels, replicas, options);
    ASSERT_EQ(found.size(), expected.size());
    for (std::size_t pair = 0; pair < found.size(); ++pair) {
      expect_alike(expected[pair], found[pair], replicas[0].shape());
    }
  }
}

TEST(CpuMetrics, EqualTheReferenceOnRandomReplicas) {
  std::mt19937 random(20260101);
  for (std::size_t i = 0; i < 240 && !::testing::Test::HasFailure(); ++i) {
    const auto shape = random_shape(random);
    const auto kind = static_cast<Kind>(i % kKinds);
    const std::size_t count = i % 5 == 0 ? 2 + random() % 4 : 2;
    const MetricsOptions options{Coding::kLog, random() % 4 == 0};
    SCOPED_TRACE(describe(shape, kind, count));
    compare_with_reference(random_replicas(shape, kind, count, random), options);
  }
}

TEST(CpuMetrics, EqualTheReferenceWithLinearFloats) {
  std::mt19937 random(7);
  for (std::size_t i = 0; i < 24 && !::testing::Test::HasFailure(); ++i) {
    auto shape = random_shape(random);
    shape.depth = i % 2 == 0 ? verifier::Depth::kF32 : verifier::Depth::kF16;
    const auto kind = static_cast<Kind>(i % kKinds);
    SCOPED_TRACE(describe(shape, kind, 2));
    compare_with_reference(random_replicas(shape, kind, 2, random), {Coding::kLinear, false});
  }
}

TEST(CpuMetrics, EqualTheReferenceOnWhatTheCodingHides) {
  std::mt19937 random(9);
  for (std::size_t i = 0; i < 24 && !::testing::Test::HasFailure(); ++i) {
    auto shape = random_shape(random);
    shape.depth = verifier::Depth::kF32;
    auto replicas = random_replicas(shape, Kind::kNoise, 3, random);
    for (Picture& picture : replicas) put_wild_samples(picture, random);
    compare_with_reference(replicas, {});
  }
}

TEST(CpuMetrics, GiveTheSameBitsTwice) {
  std::mt19937 random(3);
  const auto replicas =
      random_replicas({97, 61, 4, verifier::Depth::kF32}, Kind::kNoise, 3, random);
  for (const auto* kernels : verifier::kernels::available()) {
    const auto once = measure(*kernels, replicas);
    const auto again = measure(*kernels, replicas);
    for (std::size_t pair = 0; pair < once.size(); ++pair) {
      EXPECT_EQ(once[pair].psnr_db, again[pair].psnr_db);
      EXPECT_EQ(once[pair].ssim, again[pair].ssim);
      EXPECT_EQ(once[pair].noise_ratio, again[pair].noise_ratio);
      EXPECT_EQ(once[pair].block_errors, again[pair].block_errors);
    }
  }
}

TEST(CpuMetrics, ADifferenceInOneCornerIsFoundThere) {
  std::mt19937 random(5);
  auto replicas = random_replicas({131, 99, 3, verifier::Depth::kU8}, Kind::kEqual, 3, random);
  replicas[2].row<std::uint8_t>(98)[131 * 3 - 1] ^= 64;
  compare_with_reference(replicas, {});
  for (const auto* kernels : verifier::kernels::available()) {
    const auto pairs = measure(*kernels, replicas);
    EXPECT_EQ(pairs[0].ssim, 1.0);
    EXPECT_LT(pairs[1].ssim, 1.0);
    EXPECT_EQ(pairs[1].worst_block_x, 4U);
    EXPECT_EQ(pairs[1].worst_block_y, 3U);
  }
}

}  // namespace
}  // namespace worldshare::testing
