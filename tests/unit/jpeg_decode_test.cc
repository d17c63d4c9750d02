#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <opencv2/core.hpp>
#include <opencv2/imgcodecs.hpp>

#include "tests/unit/cmyk_jpeg.h"
#include "verifier/image/decode.h"

namespace worldshare::verifier {
namespace {

using ::testing::HasSubstr;

constexpr int kWidth = 45;
constexpr int kHeight = 31;

cv::Mat scene(int type) {
  cv::Mat out(kHeight, kWidth, type);
  cv::randu(out, 0, 255);
  return out;
}

Bytes jpeg(const cv::Mat& pixels, const std::vector<int>& options = {}) {
  Bytes out;
  EXPECT_TRUE(cv::imencode(".jpg", pixels, out, options));
  return out;
}

Result<Picture> decoded(const Bytes& file) {
  return decode(file, {image::Format::kJpeg, kWidth, kHeight});
}

void expect_same(const Bytes& file, int channels) {
  const auto ours = decoded(file);
  ASSERT_TRUE(ours) << ours.error().message;
  ASSERT_EQ(ours->shape(),
            (Shape{kWidth, kHeight, static_cast<std::uint8_t>(channels), Depth::kU8}));
  const cv::Mat theirs = cv::imdecode(file, cv::IMREAD_UNCHANGED);
  ASSERT_EQ(theirs.channels(), channels);
  for (int y = 0; y < kHeight; ++y) {
    for (int i = 0; i < kWidth * channels; ++i) {
      const int other = channels == 3 ? i + 2 - 2 * (i % 3) : i;
      ASSERT_EQ(ours->row<std::uint8_t>(static_cast<std::uint32_t>(y))[i], theirs.ptr(y)[other]);
    }
  }
}

TEST(JpegDecode, EqualsOpenCv) {
  expect_same(jpeg(scene(CV_8UC3)), 3);
  expect_same(jpeg(scene(CV_8UC1)), 1);
  expect_same(jpeg(scene(CV_8UC3), {cv::IMWRITE_JPEG_PROGRESSIVE, 1}), 3);
  expect_same(jpeg(scene(CV_8UC3), {cv::IMWRITE_JPEG_RST_INTERVAL, 1}), 3);
}

TEST(JpegDecode, CmykIsRefusedByName) {
  const auto picture = decoded(worldshare::testing::cmyk_jpeg(kWidth, kHeight));
  ASSERT_FALSE(picture);
  EXPECT_EQ(picture.error().code, Errc::kInvalid);
  EXPECT_THAT(picture.error().message, HasSubstr("CMYK"));
}

TEST(JpegDecode, WhatAViewerWouldShowInPartIsCorrupt) {
  Bytes file = jpeg(scene(CV_8UC3));
  file.erase(file.end() - 400, file.end() - 2);  // the end mark stays
  const auto picture = decoded(file);
  ASSERT_FALSE(picture);
  EXPECT_EQ(picture.error().code, Errc::kCorrupt);
  EXPECT_THAT(picture.error().message, HasSubstr("Corrupt JPEG data"));
}

}  // namespace
}  // namespace worldshare::verifier
