#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <random>
#include <thread>

#include "tests/support/random_replicas.h"
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

/// `ssim`: the largest difference.
void expect_close(const PairMetrics& actual, const PairMetrics& expected, double ssim = 1e-6) {
  EXPECT_NEAR(actual.ssim, expected.ssim, ssim);
  expect_decibels(actual.psnr_db, expected.psnr_db, "psnr");
  ASSERT_EQ(actual.alpha_psnr_db.has_value(), expected.alpha_psnr_db.has_value());
  if (actual.alpha_psnr_db)
    expect_decibels(*actual.alpha_psnr_db, *expected.alpha_psnr_db, "alpha");
  EXPECT_NEAR(actual.noise_ratio, expected.noise_ratio, 5e-5);
  // Beyond 300 dB there is only the rounding of sums.
  if (expected.low_pass_psnr_db < 300)
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

/// 2 to 5 replicas of a size that the kernels take; some floats are infinite or NaN.
std::vector<Picture> replicas_for_kernels(std::mt19937& random, testing::Kind kind) {
  Shape shape = testing::random_shape(random);
  shape.width += 10;
  shape.height += 10;
  shape.channels = static_cast<std::uint8_t>(3 + random() % 2);
  auto out = testing::random_replicas(shape, kind, 2 + random() % 4, random);
  if (shape.depth != Depth::kF32 || random() % 2 == 0) return out;
  for (Picture& picture : out) {
    for (const float v : {INFINITY, -INFINITY, NAN}) {
      const auto row = static_cast<std::uint32_t>(random() % shape.height);
      picture.row<float>(row)[random() % shape.width] = v;
    }
  }
  return out;
}

struct Worst {
  double ssim = 0;
  std::size_t pairs = 0;
};

/// Every pair twice, held to the reference and to itself.
Worst measure_twice(std::span<const Picture> pictures, double tolerance) {
  Worst worst;
  const auto actual = gpu()->measure(pictures);
  const auto again = gpu()->measure(pictures);
  EXPECT_TRUE(actual && again);
  if (!actual || !again) return worst;
  for (std::size_t a = 0; a < pictures.size(); ++a) {
    for (std::size_t b = a + 1; b < pictures.size(); ++b, ++worst.pairs) {
      const std::size_t pair = pair_index(a, b, pictures.size());
      const auto expected = testing::reference_metrics(pictures[a], pictures[b], {});
      expect_close((*actual)[pair], expected, tolerance);
      expect_same_bits((*actual)[pair], (*again)[pair]);
      worst.ssim = std::max(worst.ssim, std::abs((*actual)[pair].ssim - expected.ssim));
    }
  }
  return worst;
}

/// Of some rounds of each kind.
Worst measure_kinds(std::span<const testing::Kind> kinds, int rounds, double tolerance) {
  std::mt19937 random(11);
  Worst worst;
  for (int i = 0; i < rounds; ++i) {
    for (const testing::Kind kind : kinds) {
      const auto pictures = replicas_for_kernels(random, kind);
      SCOPED_TRACE(testing::describe(pictures[0].shape(), kind, pictures.size()));
      const Worst here = measure_twice(pictures, tolerance);
      worst = {std::max(worst.ssim, here.ssim), worst.pairs + here.pairs};
    }
  }
  std::printf("%zu pairs, ssim_max_abs_error %.3g\n", worst.pairs, worst.ssim);
  return worst;
}

TEST_F(GpuMetrics, EqualTheReferenceAndThemselvesOnRandomReplicas) {
  constexpr std::array kKinds{
      testing::Kind::kFar,    testing::Kind::kNoise, testing::Kind::kNear, testing::Kind::kGradient,
      testing::Kind::kBright, testing::Kind::kHuge,  testing::Kind::kEqual};
  const Worst worst = measure_kinds(kKinds, 25, 1e-6);
  EXPECT_GE(worst.pairs, 200U);
  RecordProperty("ssim_max_abs_error", std::to_string(worst.ssim));
}

// A variance that is 0 is the difference of two large means; see docs/metrics.md.
TEST_F(GpuMetrics, LoseDigitsOnPicturesThatAreFlatEverywhere) {
  constexpr std::array kKinds{testing::Kind::kFlat, testing::Kind::kPattern};
  measure_kinds(kKinds, 25, 2e-4);
}

TEST_F(GpuMetrics, CountWhatTheCodingHides) {
  std::mt19937 random(17);
  for (int i = 0; i < 40; ++i) {
    const auto channels = static_cast<std::uint8_t>(3 + i % 2);
    const Depth depth = i % 4 < 2 ? Depth::kF32 : Depth::kF16;
    const Shape shape{67 + static_cast<std::uint32_t>(random() % 40), 45, channels, depth};
    auto pictures = testing::random_replicas(shape, testing::Kind::kNoise, 2, random);
    const auto place = [&] { return random() % (shape.width * channels); };
    if (depth == Depth::kF32) {
      for (Picture& picture : pictures) testing::put_wild_samples(picture, random);
    } else {  // -65504, just below and above -0.001, -0, infinity and NaN
      constexpr std::array<std::uint16_t, 6> kBits{0xfbff, 0x9419, 0x9418, 0x8000, 0x7c00, 0x7e00};
      for (const std::uint16_t bits : kBits) {
        const auto row = static_cast<std::uint32_t>(random() % shape.height);
        pictures[random() % 2].row<std::uint16_t>(row)[place()] = bits;
      }
    }
    const auto expected = testing::reference_metrics(pictures[0], pictures[1], {});
    const auto actual = gpu()->measure(pictures);
    ASSERT_TRUE(actual);
    EXPECT_EQ((*actual)[0].non_finite_mismatches, expected.non_finite_mismatches);
  }
}

TEST_F(GpuMetrics, GoOnTheCpuWithWhatTheKernelsDoNotTake) {
  std::mt19937 random(3);
  const Shape small{10, 40, 3, Depth::kU8};
  const Shape grey{40, 40, 1, Depth::kU8};
  for (const Shape& shape : {small, grey}) {
    const auto pictures = testing::random_replicas(shape, testing::Kind::kFar, 2, random);
    const auto actual = gpu()->measure(pictures);
    ASSERT_TRUE(actual);
    expect_close((*actual)[0], testing::reference_metrics(pictures[0], pictures[1], {}));
  }
  const std::array mixed{Picture(small), Picture(grey)};
  EXPECT_EQ(gpu()->measure(mixed).error().code, Errc::kInvalid);
}

TEST_F(GpuMetrics, ManyThreadsGetTheirOwnFigures) {
  constexpr std::size_t kThreads = 16;
  std::vector<std::jthread> threads;
  for (std::size_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([t] {
      std::mt19937 random(static_cast<unsigned>(100 + t));
      for (int i = 0; i < 20; ++i) {
        const auto pictures = replicas_for_kernels(random, testing::Kind::kNoise);
        const auto actual = gpu()->measure(pictures);
        ASSERT_TRUE(actual);
        expect_close(actual->front(), testing::reference_metrics(pictures[0], pictures[1], {}));
      }
    });
  }
}

}  // namespace
}  // namespace worldshare::verifier
