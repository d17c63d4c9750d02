#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <random>
#include <thread>

#include "tests/support/random_pictures.h"
#include "tests/support/reference_metrics.h"
#include "verifier/cuda/cuda_metrics.h"

namespace worldshare::verifier {
namespace {

/// The GPU's metrics; null where there is no GPU, and the test then says so.
Metrics* gpu() {
  static auto metrics = make_cuda_metrics({}, {});
  return metrics ? metrics->get() : nullptr;
}

class GpuMetrics : public ::testing::Test {
 protected:
  void SetUp() override {
    if (gpu() == nullptr) GTEST_SKIP() << make_cuda_metrics({}, {}).error().message;
  }
};

void expect_decibels(double actual, double expected, const char* what) {
  if (std::isinf(expected)) {
    EXPECT_EQ(actual, expected) << what;
  } else {
    EXPECT_NEAR(actual, expected, 1e-4) << what;
  }
}

void expect_close(const PairMetrics& actual, const PairMetrics& expected) {
  EXPECT_NEAR(actual.ssim, expected.ssim, 1e-6);
  expect_decibels(actual.psnr_db, expected.psnr_db, "psnr");
  ASSERT_EQ(actual.alpha_psnr_db.has_value(), expected.alpha_psnr_db.has_value());
  if (actual.alpha_psnr_db)
    expect_decibels(*actual.alpha_psnr_db, *expected.alpha_psnr_db, "alpha");
  EXPECT_NEAR(actual.noise_ratio, expected.noise_ratio, 1e-5);
  expect_decibels(actual.low_pass_psnr_db, expected.low_pass_psnr_db, "low pass");
  expect_decibels(actual.worst_block_psnr_db, expected.worst_block_psnr_db, "worst block");
  EXPECT_EQ(actual.non_finite_mismatches, expected.non_finite_mismatches);
  ASSERT_EQ(actual.block_errors.size(), expected.block_errors.size());
}

void expect_same_bits(const PairMetrics& a, const PairMetrics& b) {
  EXPECT_EQ(a.ssim, b.ssim);
  EXPECT_EQ(a.psnr_db, b.psnr_db);
  EXPECT_EQ(a.noise_ratio, b.noise_ratio);
  EXPECT_EQ(a.low_pass_psnr_db, b.low_pass_psnr_db);
  EXPECT_EQ(a.block_errors, b.block_errors);
}

TEST_F(GpuMetrics, EqualTheReferenceAndThemselvesOnRandomPictures) {
  std::mt19937 random(11);
  double worst_ssim = 0;
  std::size_t pairs = 0;
  for (int i = 0; i < 120; ++i) {
    const auto pictures = testing::random_pictures(random, i);
    SCOPED_TRACE(testing::describe(pictures));
    const auto actual = gpu()->measure(pictures);
    const auto again = gpu()->measure(pictures);
    ASSERT_TRUE(actual && again);
    for (std::size_t a = 0; a < pictures.size(); ++a) {
      for (std::size_t b = a + 1; b < pictures.size(); ++b, ++pairs) {
        const std::size_t pair = pair_index(a, b, pictures.size());
        const auto expected = testing::reference_metrics(pictures[a], pictures[b], {});
        expect_close((*actual)[pair], expected);
        expect_same_bits((*actual)[pair], (*again)[pair]);
        worst_ssim = std::max(worst_ssim, std::abs((*actual)[pair].ssim - expected.ssim));
      }
    }
  }
  EXPECT_GE(pairs, 200U);
  RecordProperty("ssim_max_abs_error", std::to_string(worst_ssim));
  std::printf("%zu pairs, ssim_max_abs_error %.3g\n", pairs, worst_ssim);
}

TEST_F(GpuMetrics, GoOnTheCpuWithWhatTheKernelsDoNotTake) {
  std::mt19937 random(3);
  const Shape small{10, 40, 3, Depth::kU8};
  const Shape grey{40, 40, 1, Depth::kU8};
  for (const Shape& shape : {small, grey}) {
    const std::array pictures{testing::noise(shape, random), testing::noise(shape, random)};
    const auto actual = gpu()->measure(pictures);
    ASSERT_TRUE(actual);
    expect_close((*actual)[0], testing::reference_metrics(pictures[0], pictures[1], {}));
  }
  const std::array mixed{testing::noise(small, random), testing::noise(grey, random)};
  EXPECT_EQ(gpu()->measure(mixed).error().code, Errc::kInvalid);
}

TEST_F(GpuMetrics, ManyThreadsGetTheirOwnFigures) {
  constexpr std::size_t kThreads = 16;
  std::vector<std::jthread> threads;
  for (std::size_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([t] {
      std::mt19937 random(static_cast<unsigned>(100 + t));
      for (int i = 0; i < 20; ++i) {
        const auto pictures = testing::random_pictures(random, i);
        const auto actual = gpu()->measure(pictures);
        ASSERT_TRUE(actual);
        expect_close(actual->front(), testing::reference_metrics(pictures[0], pictures[1], {}));
      }
    });
  }
}

}  // namespace
}  // namespace worldshare::verifier
