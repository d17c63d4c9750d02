#include <cuda_runtime_api.h>
#include <gtest/gtest.h>

#include "tests/support/reference_lpips.h"
#include "verifier/cuda/lpips/cuda_lpips.h"
#include "verifier/cuda/lpips/device_lpips.h"

namespace worldshare::verifier::testing {
namespace {

constexpr std::size_t kWorkspace = std::size_t{1} << 30;

std::string device_missing() {
  int count = 0;
  const cudaError_t error = cudaGetDeviceCount(&count);
  if (error != cudaSuccess || count == 0) {
    return std::string("no CUDA device: ") + cudaGetErrorString(error);
  }
  return models_missing();
}

class CudaLpipsTest : public ::testing::TestWithParam<Net> {
 protected:
  void SetUp() override {
    if (const auto missing = device_missing(); !missing.empty()) GTEST_SKIP() << missing;
    cpu_ = make_cpu_lpips(models_directory(), GetParam()).value();
    auto made = make_cuda_lpips(models_directory(), GetParam(), {0, kWorkspace});
    ASSERT_TRUE(made) << made.error().message;
    cuda_ = std::move(*made);
    network_ = load_network(models_directory(), GetParam()).value();
  }

  std::vector<Picture> pictures(const Shape& shape, unsigned count, double noise = 0.1) {
    std::vector<Picture> out;
    for (unsigned i = 0; i < count; ++i) out.push_back(random_picture(shape, i / 2, i, noise));
    return out;
  }
  /// The largest difference from the CPU.
  double error(const std::vector<Picture>& replicas) {
    const auto expected = cpu_->distances(replicas).value();
    const auto measured = cuda_->distances(replicas);
    EXPECT_TRUE(measured) << measured.error().message;
    double worst = measured ? 0 : 1;
    for (std::size_t i = 0; measured && i < expected.size(); ++i) {
      worst = std::max(worst, std::abs(expected[i] - measured->at(i)));
    }
    return worst;
  }

  std::unique_ptr<Lpips> cpu_;
  std::unique_ptr<Lpips> cuda_;
  Network network_;
};

INSTANTIATE_TEST_SUITE_P(Nets,
                         CudaLpipsTest,
                         ::testing::Values(Net::kAlex, Net::kSqueeze),
                         [](const auto& net) { return std::string(to_string(net.param)); });

TEST_P(CudaLpipsTest, EqualsThePublishedValues) {
  const auto images = published_pictures();
  if (images.empty()) GTEST_SKIP() << "no images in " << models_directory() / "golden";
  const auto distances = cuda_->distances(images).value();
  const auto published = published_distances(GetParam());
  EXPECT_NEAR(distances.at(0), published.p0, 1e-6);
  EXPECT_NEAR(distances.at(1), published.p1, 1e-6);
}

TEST_P(CudaLpipsTest, EqualsTheDefinitionAtOddSizes) {
  const auto least = static_cast<std::uint32_t>(network_.minimum_side);
  for (const auto& [width, height] : {std::pair{least, least},
                                      {least + 1, 47},
                                      {67, least + 2},
                                      {least + 3, least + 18},
                                      {90, 64}}) {
    SCOPED_TRACE(::testing::Message() << width << "x" << height);
    const auto two = pictures({width, height, 3, Depth::kU8}, 2);
    EXPECT_NEAR(cuda_->distances(two).value().at(0), reference_lpips(network_, two[0], two[1]),
                1e-6);
  }
}

TEST_P(CudaLpipsTest, EqualsTheCpuForEveryKindOfPicture) {
  for (const Depth depth : {Depth::kU8, Depth::kU16, Depth::kF16, Depth::kF32}) {
    for (std::uint8_t channels = 1; channels <= 4; ++channels) {
      EXPECT_LT(error(pictures({141, 77, channels, depth}, 2, 0.3)), 1e-6);
    }
  }
}

TEST_P(CudaLpipsTest, EqualsTheCpuForEveryCountOfReplicas) {
  for (unsigned count = 2; count <= kMaxLpipsReplicas; ++count) {
    EXPECT_LT(error(pictures({333, 201, 3, Depth::kU8}, count)), 1e-6);
  }
}

TEST_P(CudaLpipsTest, EqualsTheCpuForExtremePictures) {
  const Shape shape{160, 120, 3, Depth::kU8};
  const Picture black(shape);
  Picture white(shape);
  Picture checks(shape);
  for (std::uint32_t y = 0; y < shape.height; ++y) {
    std::fill_n(white.row<std::uint8_t>(y), shape.row_bytes(), std::uint8_t{255});
    for (std::uint32_t x = 0; x < 3 * shape.width; ++x) {
      checks.row<std::uint8_t>(y)[x] = (x / 9 + y / 3) % 2 == 0 ? 0 : 255;
    }
  }
  EXPECT_LT(error({black, white, checks}), 1e-6);
  EXPECT_EQ(cuda_->distances(std::vector{white, white}).value().at(0), 0);
}

TEST_P(CudaLpipsTest, GivesTheSameBitsEveryTime) {
  const auto three = pictures({640, 360, 3, Depth::kU8}, 3);
  const auto first = cuda_->distances(three).value();
  for (int i = 0; i < 20; ++i) EXPECT_EQ(cuda_->distances(three).value(), first);
}

TEST_P(CudaLpipsTest, BandsOfRowsMakeTheWholePicture) {
  const auto two = pictures({200, 1603, 3, Depth::kU8}, 2);
  const double whole = cuda_->distances(two).value().at(0);
  for (const std::size_t mebibytes : {12, 16, 24}) {
    const auto small = make_cuda_lpips(models_directory(), GetParam(), {0, mebibytes << 20});
    ASSERT_TRUE(small) << small.error().message;
    EXPECT_NEAR((*small)->distances(two).value().at(0), whole, 1e-12) << mebibytes;
  }
  const auto tiny = make_cuda_lpips(models_directory(), GetParam(), {0, 1 << 20});
  const auto refused = (*tiny)->distances(two);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::kUnavailable);
  EXPECT_EQ(refused.error().message,
            "LPIPS of 2 pictures, 200 pixels wide, needs a larger workspace than 1 MiB");
}

TEST_P(CudaLpipsTest, AUnitDoesNotDependOnTheOthers) {
  constexpr std::size_t kUnits = 41;
  const Shape shape{250, 131, 3, Depth::kU8};
  auto lpips = cuda::DeviceLpips::create(network_, kWorkspace);
  ASSERT_TRUE(lpips) << lpips.error().message;
  const auto all = pictures(shape, 2 * kUnits);
  std::vector<cuda::DeviceMemory> memory;
  std::vector<const std::uint8_t*> pointers;
  for (const Picture& picture : all) {
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(picture.data());
    memory.push_back(cuda::upload({bytes, shape.size_bytes()}).value());
    pointers.push_back(static_cast<const std::uint8_t*>(memory.back().get()));
  }
  const auto out = cuda::allocate(kUnits * sizeof(double)).value();
  const auto stream = cuda::make_stream().value();
  ASSERT_TRUE(
      lpips->measure({shape, 2, kUnits, pointers}, static_cast<double*>(out.get()), stream.get()));
  std::vector<double> distances(kUnits);
  ASSERT_EQ(cudaStreamSynchronize(stream.get()), cudaSuccess);
  ASSERT_EQ(cudaMemcpy(distances.data(), out.get(), kUnits * sizeof(double), cudaMemcpyDefault),
            cudaSuccess);
  for (std::size_t unit = 0; unit < kUnits; ++unit) {
    const std::vector alone = {all[2 * unit], all[2 * unit + 1]};
    EXPECT_EQ(distances[unit], cuda_->distances(alone).value().at(0)) << unit;
  }
}

TEST_P(CudaLpipsTest, WhatCannotBeComparedIsRefusedWithAReason) {
  const Picture small({16, 16, 3, Depth::kU8});
  const auto refused = cuda_->distances(std::vector{small, small});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::kInvalid);
}

}  // namespace
}  // namespace worldshare::verifier::testing
