#include "verifier/metrics/heat_map.h"

#include <gtest/gtest.h>

#include <array>

namespace worldshare::verifier {
namespace {

using Colour = std::array<int, 3>;

Picture grey(std::uint32_t width, std::uint32_t height, std::uint8_t value) {
  Picture out({width, height, 3, Depth::kU8});
  for (std::uint32_t y = 0; y < height; ++y)
    std::fill_n(out.row<std::uint8_t>(y), 3 * width, value);
  return out;
}

Colour at(const Picture& map, std::uint32_t x, std::uint32_t y) {
  const auto* pixel = map.row<std::uint8_t>(y) + 3 * x;
  return {pixel[0], pixel[1], pixel[2]};
}

TEST(HeatMap, EqualTilesAreBlackAndTheDifferingOneIsLit) {
  const Picture a = grey(21, 19, 100);
  Picture b = grey(21, 19, 100);
  b.row<std::uint8_t>(18)[3 * 20] = 255;
  const auto map = heat_map(a, b);
  ASSERT_TRUE(map);
  EXPECT_EQ(map->shape(), a.shape());
  EXPECT_EQ(at(*map, 0, 0), (Colour{0, 0, 4}));
  EXPECT_EQ(at(*map, 15, 18), (Colour{0, 0, 4}));
  EXPECT_EQ(at(*map, 16, 16), at(*map, 20, 18)) << "a tile has one colour";
  EXPECT_GT(at(*map, 20, 18)[0], 100);
}

TEST(HeatMap, TheRampGoesBy20DecibelsAround40) {
  EXPECT_EQ(at(*heat_map(grey(8, 8, 0), grey(8, 8, 255)), 0, 0), (Colour{252, 255, 164}));
  Picture a({8, 8, 3, Depth::kF32});
  Picture b({8, 8, 3, Depth::kF32});
  for (std::uint32_t y = 0; y < 8; ++y) std::fill_n(b.row<float>(y), 24, 0.0069555F);  // log2: 0.01
  EXPECT_EQ(at(*heat_map(a, b), 3, 3), (Colour{188, 55, 84}));
}

TEST(HeatMap, OtherShapesAreRefused) {
  EXPECT_EQ(heat_map(grey(8, 8, 0), grey(8, 9, 0)).error().code, Errc::kInvalid);
}

}  // namespace
}  // namespace worldshare::verifier
