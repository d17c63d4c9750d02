#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <opencv2/imgcodecs.hpp>

#include "tests/unit/decode_png_maker.h"
#include "verifier/image/decode.h"

namespace worldshare::verifier {
namespace {

using ::testing::HasSubstr;
using worldshare::testing::PngMaker;
using worldshare::testing::with_chunk;

Result<Picture> decode_as_told(const PngMaker& png) {
  return decode(png.file(), {image::Format::kPng, png.width, png.height});
}

std::string why_not(const Bytes& file, std::uint32_t width, std::uint32_t height) {
  const auto picture = decode(file, {image::Format::kPng, width, height});
  return picture ? "decoded" : picture.error().message;
}

std::string why_not(const PngMaker& png) { return why_not(png.file(), png.width, png.height); }

PngMaker sample() {
  PngMaker png{.width = 5, .height = 4};
  png.fill(1);
  return png;
}

/// R G B A of a pixel, for pictures of any channels.
template <class T>
std::array<T, 4> colour(const T* pixel, int channels, bool blue_first) {
  const T full = std::numeric_limits<T>::max();
  if (channels == 1) return {pixel[0], pixel[0], pixel[0], full};
  if (channels == 2) return {pixel[0], pixel[0], pixel[0], pixel[1]};
  const T alpha = channels == 4 ? pixel[3] : full;
  if (blue_first) return {pixel[2], pixel[1], pixel[0], alpha};
  return {pixel[0], pixel[1], pixel[2], alpha};
}

template <class T>
void expect_same(const Picture& ours, const cv::Mat& theirs) {
  ASSERT_EQ(theirs.elemSize1(), sizeof(T));
  const int channels = ours.shape().channels;
  for (int y = 0; y < theirs.rows; ++y) {
    for (int x = 0; x < theirs.cols; ++x) {
      const T* mine = ours.row<T>(static_cast<std::uint32_t>(y)) + x * channels;
      const T* other = theirs.ptr<T>(y) + x * theirs.channels();
      ASSERT_EQ(colour(mine, channels, false), colour(other, theirs.channels(), true))
          << "at " << x << "," << y;
    }
  }
}

struct Kind {
  std::uint8_t colour_type;
  std::uint8_t depth;
  std::uint8_t channels;
};

class PngKind : public ::testing::TestWithParam<Kind> {};

TEST_P(PngKind, EqualsLibpngInAnySize) {
  for (const auto& [width, height] : {std::pair{1U, 1U},
                                      {2U, 9U},
                                      {3U, 4U},
                                      {4U, 3U},
                                      {5U, 5U},
                                      {7U, 8U},
                                      {13U, 1U},
                                      {16U, 33U},
                                      {33U, 18U},
                                      {67U, 23U}}) {
    for (const std::size_t cut : {SIZE_MAX, std::size_t{11}}) {
      SCOPED_TRACE(std::to_string(width) + "x" + std::to_string(height));
      PngMaker png{.width = width, .height = height, .depth = GetParam().depth};
      png.colour_type = GetParam().colour_type;
      png.cut = cut;
      png.fill(width * 100 + height);
      const auto ours = decode_as_told(png);
      ASSERT_TRUE(ours) << ours.error().message;
      const bool wide = png.depth == 16;
      const Shape shape{width, height, GetParam().channels, wide ? Depth::kU16 : Depth::kU8};
      EXPECT_EQ(ours->shape(), shape);
      const cv::Mat theirs = cv::imdecode(png.file(), cv::IMREAD_UNCHANGED);
      wide ? expect_same<std::uint16_t>(*ours, theirs) : expect_same<std::uint8_t>(*ours, theirs);
    }
  }
}

TEST_P(PngKind, PaddingIsZero) {
  PngMaker png{.width = 21, .height = 9, .depth = GetParam().depth};
  png.colour_type = GetParam().colour_type;
  png.fill(3);
  const auto picture = decode_as_told(png);
  ASSERT_TRUE(picture);
  const Shape& shape = picture->shape();
  for (std::uint32_t y = 0; y < shape.height; ++y) {
    for (std::size_t i = shape.row_bytes(); i < shape.stride(); ++i) {
      ASSERT_EQ(picture->row<std::uint8_t>(y)[i], 0);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All,
                         PngKind,
                         ::testing::Values(Kind{0, 1, 1},
                                           Kind{0, 2, 1},
                                           Kind{0, 4, 1},
                                           Kind{0, 8, 1},
                                           Kind{0, 16, 1},
                                           Kind{2, 8, 3},
                                           Kind{2, 16, 3},
                                           Kind{3, 1, 3},
                                           Kind{3, 2, 3},
                                           Kind{3, 4, 3},
                                           Kind{3, 8, 3},
                                           Kind{4, 8, 2},
                                           Kind{4, 16, 2},
                                           Kind{6, 8, 4},
                                           Kind{6, 16, 4}),
                         [](const auto& test) {
                           return "Colour" + std::to_string(test.param.colour_type) + "Depth" +
                                  std::to_string(test.param.depth);
                         });

TEST(PngDecode, ATransparentPaletteBecomesAlpha) {
  PngMaker png{.width = 9, .height = 7, .depth = 4, .colour_type = 3};
  png.fill(5);
  png.transparency = {0, 17, 255, 3};
  const auto ours = decode_as_told(png);
  ASSERT_TRUE(ours) << ours.error().message;
  EXPECT_EQ(ours->shape().channels, 4);
  expect_same<std::uint8_t>(*ours, cv::imdecode(png.file(), cv::IMREAD_UNCHANGED));
}

TEST(PngDecode, PalettesThatDoNotFitAreRefused) {
  PngMaker png{.width = 9, .height = 7, .depth = 2, .colour_type = 3};
  png.fill(5);
  PngMaker none = png;
  none.palette.clear();
  EXPECT_THAT(why_not(none), HasSubstr("palette is missing"));
  PngMaker cut = png;
  cut.palette.pop_back();
  EXPECT_THAT(why_not(cut), HasSubstr("palette is missing or has a wrong length"));
  PngMaker large = png;
  large.palette.resize(15);
  EXPECT_THAT(why_not(large), HasSubstr("wrong length"));
  PngMaker small = png;
  small.palette.resize(3);
  EXPECT_THAT(why_not(small), HasSubstr("a colour that the palette does not have"));
  PngMaker clear = png;
  clear.transparency.resize(5);
  EXPECT_THAT(why_not(clear), HasSubstr("more transparent colours"));
  PngMaker grey{.width = 5, .height = 4, .colour_type = 0};
  grey.fill(1);
  grey.palette = {1, 2, 3};
  EXPECT_THAT(why_not(grey), HasSubstr("grey with a palette"));
}

TEST(PngDecode, WhatNoRenderIsIsRefusedByName) {
  PngMaker interlaced = sample();
  interlaced.interlace = 1;
  EXPECT_THAT(why_not(interlaced), HasSubstr("interlaced (Adam7)"));
  PngMaker keyed = sample();
  keyed.transparency = {0, 1, 0, 2, 0, 3};
  EXPECT_THAT(why_not(keyed), HasSubstr("transparent colour (tRNS)"));
  EXPECT_THAT(why_not(with_chunk(sample().file(), "acTL", {0, 0, 0, 2, 0, 0, 0, 0}), 5, 4),
              HasSubstr("an animation (chunk acTL)"));
  EXPECT_THAT(why_not(with_chunk(sample().file(), "tEXt", {'a', 0, 'b'}), 5, 4), HasSubstr("tEXt"));
}

TEST(PngDecode, MoreOrLessDataThanAnnouncedIsCorrupt) {
  PngMaker png = sample();
  png.rows.pop_back();
  EXPECT_THAT(why_not(png), HasSubstr("ends before the last row"));
  png.rows.resize(png.rows.size() + 2);
  EXPECT_THAT(why_not(png), HasSubstr("inflates to more"));
  png = sample();
  png.tail = {0};
  EXPECT_THAT(why_not(png), HasSubstr("other bytes follow"));
  png = sample();
  png.rows[0] = 5;
  EXPECT_THAT(why_not(png), HasSubstr("row 0 has filter 5"));
}

TEST(PngDecode, BombsAreRefusedBeforeTheyCostMemory) {
  PngMaker beyond = sample();
  beyond.rows.resize(64 << 20);
  beyond.level = 9;
  EXPECT_THAT(why_not(beyond), HasSubstr("inflates to more"));
  PngMaker below = sample();  // claims 4 GB of pixels, has a few bytes
  below.width = 1 << 15;
  below.height = 1 << 15;
  const ImageLimits limits{image::Format::kPng, below.width, below.height, 1ULL << 40};
  EXPECT_THAT(decode(below.file(), limits).error().message, HasSubstr("far too little"));
  PngMaker wide = sample();
  wide.width = 16'000'000;
  EXPECT_THAT(why_not(wide), HasSubstr("16000000x4"));
}

TEST(PngDecode, ADamagedStreamUnderCorrectChecksumsGivesNoOtherPixels) {
  const Bytes whole = sample().file();
  const ImageLimits limits{image::Format::kPng, 5, 4};
  const auto picture = decode(whole, limits).value();
  constexpr std::size_t kData = 8 + 25 + 8;  // signature, IHDR, head of IDAT
  for (std::size_t at = kData; at < whole.size() - 16; ++at) {
    Bytes data(whole.begin() + kData, whole.end() - 16);
    data[at - kData] ^= 0x10;
    const Bytes chunk = worldshare::testing::png_chunk("IDAT", data);
    Bytes damaged = whole;
    std::ranges::copy(chunk, damaged.begin() + kData - 8);
    const auto other = decode(damaged, limits);
    EXPECT_TRUE(!other || same_pixels(*other, picture)) << at;
  }
}

}  // namespace
}  // namespace worldshare::verifier
