#include "verifier/lpips/lpips.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <thread>

#include "shared/files.h"
#include "tests/support/reference_lpips.h"
#include "tests/support/temp_folder.h"
#include "verifier/lpips/tile_kernel.h"

namespace worldshare::verifier::testing {
namespace {

using worldshare::testing::TempFolder;

Picture solid(const Shape& shape, std::uint8_t value) {
  Picture out(shape);
  for (std::uint32_t y = 0; y < shape.height; ++y) {
    std::fill_n(out.row<std::uint8_t>(y), shape.row_bytes(), value);
  }
  return out;
}

/// `from` with other samples: `make(y, x, channel)`.
template <class T, class Make>
Picture made(const Shape& shape, Make make) {
  Picture out(shape);
  for (std::uint32_t y = 0; y < shape.height; ++y) {
    for (std::uint32_t x = 0; x < shape.width; ++x) {
      for (std::uint32_t c = 0; c < shape.channels; ++c) {
        out.row<T>(y)[x * shape.channels + c] = static_cast<T>(make(y, x, c));
      }
    }
  }
  return out;
}

class LpipsTest : public ::testing::TestWithParam<Net> {
 protected:
  void SetUp() override {
    if (const auto missing = models_missing(); !missing.empty()) GTEST_SKIP() << missing;
    auto made_lpips = make_cpu_lpips(models_directory(), GetParam());
    ASSERT_TRUE(made_lpips) << made_lpips.error().message;
    lpips_ = std::move(*made_lpips);
    network_ = load_network(models_directory(), GetParam()).value();
  }

  double distance(const Picture& a, const Picture& b) {
    return lpips_->distances(std::vector{a, b}).value().at(0);
  }
  std::string refusal(const std::vector<Picture>& pictures) {
    const auto result = lpips_->distances(pictures);
    EXPECT_FALSE(result);
    return result ? "" : result.error().message;
  }

  std::unique_ptr<Lpips> lpips_;
  Network network_;
};

INSTANTIATE_TEST_SUITE_P(Nets,
                         LpipsTest,
                         ::testing::Values(Net::kAlex, Net::kSqueeze),
                         [](const auto& net) { return std::string(to_string(net.param)); });

TEST_P(LpipsTest, EqualsThePublishedValues) {
  const auto pictures = published_pictures();
  if (pictures.empty()) GTEST_SKIP() << "no images in " << models_directory() / "golden";
  const auto distances = lpips_->distances(pictures).value();
  const auto published = published_distances(GetParam());
  ASSERT_EQ(distances.size(), 3U);
  EXPECT_NEAR(distances[0], published.p0, 1e-6);
  EXPECT_NEAR(distances[1], published.p1, 1e-6);
}

TEST_P(LpipsTest, EqualsTheDefinitionAtOddSizes) {
  const auto least = static_cast<std::uint32_t>(network_.minimum_side);
  for (const auto& [width, height] : {std::pair{least, least},
                                      {least + 1, 47},
                                      {67, least + 2},
                                      {least + 3, least + 18},
                                      {50, 64}}) {
    SCOPED_TRACE(::testing::Message() << width << "x" << height);
    const Shape shape{width, height, 3, Depth::kU8};
    const Picture a = random_picture(shape, 1, 2, 0.1);
    const Picture b = random_picture(shape, 1, 3, 0.1);
    EXPECT_NEAR(distance(a, b), reference_lpips(network_, a, b), 1e-6);
  }
}

TEST_P(LpipsTest, EqualsTheDefinitionForEveryKindOfPicture) {
  for (const auto& [channels, depth] : {std::pair{1, Depth::kU8},
                                        {2, Depth::kU8},
                                        {4, Depth::kU8},
                                        {3, Depth::kU16},
                                        {3, Depth::kF16},
                                        {1, Depth::kF32},
                                        {4, Depth::kF32}}) {
    const Shape shape{41, 37, static_cast<std::uint8_t>(channels), depth};
    const Picture a = random_picture(shape, 4, 2, 0.2);
    const Picture b = random_picture(shape, 5, 3, 0.2);
    EXPECT_NEAR(distance(a, b), reference_lpips(network_, a, b), 1e-6);
  }
}

TEST_P(LpipsTest, PairsAreInOrderAndEachIsItsOwn) {
  const Shape shape{40, 33, 3, Depth::kU8};
  std::vector<Picture> pictures;
  for (unsigned i = 0; i < 5; ++i) pictures.push_back(random_picture(shape, i / 2, i, 0.1 * i));
  const auto all = lpips_->distances(pictures).value();
  std::size_t pair = 0;
  for (std::size_t a = 0; a < pictures.size(); ++a) {
    for (std::size_t b = a + 1; b < pictures.size(); ++b) {
      EXPECT_EQ(all.at(pair++), distance(pictures[a], pictures[b]));
      EXPECT_NEAR(distance(pictures[b], pictures[a]), distance(pictures[a], pictures[b]), 1e-15);
    }
  }
  EXPECT_EQ(pair, all.size());
}

TEST_P(LpipsTest, EqualPicturesAreZeroApart) {
  const Picture noisy = random_picture({64, 40, 3, Depth::kU8}, 1, 1, 0.5);
  EXPECT_EQ(distance(noisy, noisy), 0);
  const Picture black = solid({40, 40, 3, Depth::kU8}, 0);
  EXPECT_EQ(distance(black, solid(black.shape(), 0)), 0);
}

TEST_P(LpipsTest, AlphaDoesNotCountAndGreyCountsThrice) {
  const auto value = [](auto y, auto x, auto c) { return (y * 7 + x * x * (c + 1)) % 256; };
  const auto grey = [](auto y, auto x, auto) { return (y * y + 3 * x) % 256; };
  const Shape rgb{40, 36, 3, Depth::kU8};
  const Shape rgba{40, 36, 4, Depth::kU8};
  const Shape one{40, 36, 1, Depth::kU8};
  const Picture base = solid(rgb, 100);
  const double expected = distance(base, made<std::uint8_t>(rgb, value));
  EXPECT_GT(expected, 0.01);
  EXPECT_EQ(distance(solid(rgba, 100), made<std::uint8_t>(rgba, value)), expected);
  EXPECT_EQ(distance(solid(one, 100), made<std::uint8_t>(one, grey)),
            distance(base, made<std::uint8_t>(rgb, grey)));
}

TEST_P(LpipsTest, DepthsOfTheSameColoursAgree) {
  const Shape eight{48, 35, 3, Depth::kU8};
  const auto code = [](auto y, auto x, auto c) { return (y * 11 + x * 5 + c * 90) % 256; };
  const auto other = [](auto y, auto x, auto c) { return (y * 3 + x * 17 + c * 40) % 256; };
  const double expected =
      distance(made<std::uint8_t>(eight, code), made<std::uint8_t>(eight, other));
  const auto wide = [](auto make) {
    return [make](auto y, auto x, auto c) { return 257 * make(y, x, c); };
  };
  const auto linear = [](auto make) {
    return [make](auto y, auto x, auto c) {
      const double v = make(y, x, c) / 255.0;
      return v <= 0.04045 ? v / 12.92 : std::pow((v + 0.055) / 1.055, 2.4);
    };
  };
  const Shape sixteen{48, 35, 3, Depth::kU16};
  const Shape floats{48, 35, 3, Depth::kF32};
  EXPECT_NEAR(
      distance(made<std::uint16_t>(sixteen, wide(code)), made<std::uint16_t>(sixteen, wide(other))),
      expected, 1e-6);
  EXPECT_NEAR(distance(made<float>(floats, linear(code)), made<float>(floats, linear(other))),
              expected, 1e-5);
}

TEST_P(LpipsTest, FloatsBeyondTheDisplayAreClamped) {
  const Shape shape{40, 40, 3, Depth::kF32};
  const auto wild = [](auto y, auto x, auto) {
    const std::array<float, 5> values = {NAN, -INFINITY, -1, INFINITY, 1e30F};
    return values[(y + x) % values.size()];
  };
  const auto tame = [](auto y, auto x, auto) { return (y + x) % 5 < 3 ? 0 : 1; };
  EXPECT_EQ(distance(made<float>(shape, wild), made<float>(shape, tame)), 0);
}

TEST_P(LpipsTest, WhatCannotBeComparedIsRefusedWithAReason) {
  const Shape shape{40, 40, 3, Depth::kU8};
  const Picture a = solid(shape, 1);
  EXPECT_EQ(refusal({a}), "LPIPS compares 2 to 5 pictures, not 1");
  EXPECT_EQ(refusal(std::vector(9, a)), "LPIPS compares 2 to 5 pictures, not 9");
  const std::string unlike = "LPIPS needs pictures of one size, one kind of channels and depth";
  EXPECT_EQ(refusal({a, solid({40, 41, 3, Depth::kU8}, 1)}), unlike);
  EXPECT_EQ(refusal({a, solid({40, 40, 4, Depth::kU8}, 1)}), unlike);
  EXPECT_EQ(refusal({a, Picture()}), unlike);
  const auto least = static_cast<std::uint32_t>(network_.minimum_side);
  const Picture narrow = solid({least - 1, 100, 3, Depth::kU8}, 1);
  EXPECT_NE(refusal({narrow, narrow})
                .find(GetParam() == Net::kAlex ? "needs at least 31 pixels a side, not 30x100"
                                               : "needs at least 17 pixels a side, not 16x100"),
            std::string::npos);
}

TEST_P(LpipsTest, ThreadsShareOneObject) {
  const Picture a = random_picture({50, 40, 3, Depth::kU8}, 1, 1, 0.1);
  const Picture b = random_picture({50, 40, 3, Depth::kU8}, 1, 2, 0.1);
  const double expected = distance(a, b);
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] { EXPECT_EQ(distance(a, b), expected); });
  }
}

TEST(LpipsTile, EveryKernelThatRunsHereAddsTheSameProducts) {
  std::vector<const TileKernel*> kernels = {&kTilePortable};
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    kernels.push_back(&kTileAvx2);
  if (__builtin_cpu_supports("avx512f")) kernels.push_back(&kTileAvx512);
  for (const TileKernel* kernel : kernels) {
    SCOPED_TRACE(kernel->name);
    constexpr int kCount = 37;
    const auto columns = static_cast<std::size_t>(kernel->columns);
    const auto rows = static_cast<std::size_t>(kernel->rows);
    std::vector<float> pixels(7 * kCount + columns);
    std::vector<float> weights(kCount * rows);
    std::vector<std::int32_t> offsets;
    for (int k = 0; k < kCount; ++k) offsets.push_back(k * 11 % (7 * kCount));
    for (std::size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<float>(i * 31 % 64);
    for (std::size_t i = 0; i < weights.size(); ++i) weights[i] = static_cast<float>(i * 17 % 32);
    std::vector<float> sums((columns + 3) * rows, 5);
    std::vector<float> expected = sums;
    for (std::size_t r = 0; r < rows; ++r) {
      for (std::size_t x = 0; x < columns; ++x) {
        for (std::size_t k = 0; k < kCount; ++k) {
          const auto from = static_cast<std::size_t>(offsets[k]) + x;
          expected[r * (columns + 3) + x] += weights[k * rows + r] * pixels[from];
        }
      }
    }
    kernel->add(pixels.data(), offsets.data(), kCount, weights.data(), sums.data(),
                kernel->columns + 3);
    EXPECT_EQ(sums, expected);  // integers, so that every order of additions is exact
  }
}

TEST(LpipsModels, AMissingModelIsToldInASentence) {
  const TempFolder folder;
  const auto lpips = make_cpu_lpips(folder.path(), Net::kAlex);
  ASSERT_FALSE(lpips);
  EXPECT_EQ(lpips.error().code, Errc::kNotFound);
  EXPECT_EQ(lpips.error().message,
            "LPIPS is off: no model: " + (folder.path() / "lpips_alex_v0.1.safetensors").string() +
                ": No such file or directory");
}

TEST(LpipsModels, AnotherFileIsNotTaken) {
  if (const auto missing = models_missing(); !missing.empty()) GTEST_SKIP() << missing;
  const std::string name = "lpips_squeeze_v0.1.safetensors";
  auto bytes = read_file(models_directory() / name, 16 << 20).value();
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
  const TempFolder folder;
  std::ofstream(folder.path() / name, std::ios::binary) << bytes;
  const auto lpips = make_cpu_lpips(folder.path(), Net::kSqueeze);
  ASSERT_FALSE(lpips);
  EXPECT_EQ(lpips.error().code, Errc::kCorrupt);
  EXPECT_NE(lpips.error().message.find("is not the published file"), std::string::npos);
  std::filesystem::resize_file(folder.path() / name, 0);
  EXPECT_EQ(make_cpu_lpips(folder.path(), Net::kSqueeze).error().code, Errc::kCorrupt);
}

TEST(LpipsModels, NetsHaveNames) {
  EXPECT_EQ(parse_net("alex").value(), Net::kAlex);
  EXPECT_EQ(parse_net("squeeze").value(), Net::kSqueeze);
  EXPECT_EQ(parse_net("vgg").error().message, "no LPIPS network vgg: alex or squeeze");
}

}  // namespace
}  // namespace worldshare::verifier::testing
