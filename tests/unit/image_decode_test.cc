#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <opencv2/core.hpp>
#include <opencv2/imgcodecs.hpp>

#include "shared/files.h"
#include "shared/image/canonical.h"
#include "verifier/image/decode.h"

namespace worldshare::verifier {
namespace {

using image::Format;

Bytes load(const std::string& name) {
  const auto text = read_file(WS_SOURCE_DIR "/tests/golden/blender/" + name, 1 << 20);
  const ByteView view = as_bytes(*text);
  return {view.begin(), view.end()};
}

struct Sample {
  const char* file;
  ImageLimits limits;
  Shape shape;
};

double sample_of(const Picture& picture, std::uint32_t y, int i) {
  switch (picture.shape().depth) {
    case Depth::kU8: return picture.row<std::uint8_t>(y)[i];
    case Depth::kU16: return picture.row<std::uint16_t>(y)[i];
    case Depth::kF32: return picture.row<float>(y)[i];
    case Depth::kF16: break;
  }
  return static_cast<double>(cv::float16_t::fromBits(picture.row<std::uint16_t>(y)[i]));
}

double sample_of(const cv::Mat& picture, std::uint32_t y, int i) {
  const int row = static_cast<int>(y);
  switch (picture.depth()) {
    case CV_8U: return picture.ptr<std::uint8_t>(row)[i];
    case CV_16U: return picture.ptr<std::uint16_t>(row)[i];
    default: return picture.ptr<float>(row)[i];
  }
}

class DecodeSample : public ::testing::TestWithParam<Sample> {
 protected:
  static void SetUpTestSuite() { setenv("OPENCV_IO_ENABLE_OPENEXR", "1", 1); }
  const Sample& sample() const { return GetParam(); }
  Bytes clean() const { return image::canonical(load(sample().file)).value(); }
};

TEST_P(DecodeSample, GivesThePixels) {
  const auto ours = decode(clean(), sample().limits);
  ASSERT_TRUE(ours) << ours.error().message;
  EXPECT_EQ(ours->shape(), sample().shape);
  const cv::Mat theirs = cv::imdecode(clean(), cv::IMREAD_UNCHANGED);
  ASSERT_EQ(theirs.channels(), ours->shape().channels);
  for (std::uint32_t y = 0; y < ours->shape().height; ++y) {
    for (int i = 0; i < theirs.cols * theirs.channels(); ++i) {
      const int channel = i % theirs.channels();
      const int other = channel < 3 ? i + 2 - 2 * channel : i;
      ASSERT_EQ(sample_of(*ours, y, i), sample_of(theirs, y, other)) << y << " " << i;
    }
  }
}

TEST_P(DecodeSample, EveryTruncationIsRefusedWithAReason) {
  const Bytes image = clean();
  for (std::size_t length = 0; length < image.size(); ++length) {
    const Bytes part(image.begin(), image.begin() + static_cast<std::ptrdiff_t>(length));
    const auto picture = decode(part, sample().limits);
    ASSERT_FALSE(picture) << "of length " << length;
    EXPECT_EQ(picture.error().code, Errc::kCorrupt);
    EXPECT_GT(picture.error().message.size(), 10U);
  }
}

TEST_P(DecodeSample, TakesOnlyCanonicalFiles) {
  EXPECT_EQ(decode(load(sample().file), sample().limits).error().code, Errc::kInvalid);
}

TEST_P(DecodeSample, TakesOnlyWhatWasAskedFor) {
  ImageLimits wider = sample().limits;
  ++wider.width;
  EXPECT_EQ(decode(clean(), wider).error().code, Errc::kInvalid);
  ImageLimits lower = sample().limits;
  --lower.height;
  EXPECT_EQ(decode(clean(), lower).error().code, Errc::kInvalid);
  ImageLimits other = sample().limits;
  other.format = other.format == Format::kPng ? Format::kJpeg : Format::kPng;
  EXPECT_EQ(decode(clean(), other).error().code, Errc::kInvalid);
  ImageLimits small = sample().limits;
  small.pixel_bytes = 64;
  EXPECT_EQ(decode(clean(), small).error().code, Errc::kDenied);
}

TEST_P(DecodeSample, DamagedDataNeverCrashes) {
  const Bytes image = clean();
  for (std::size_t bit = 0; bit < image.size() * 8; bit += 1 + image.size() / 200 + bit % 7) {
    Bytes damaged = image;
    damaged[bit / 8] = static_cast<std::uint8_t>(damaged[bit / 8] ^ (1U << (bit % 8)));
    const auto picture = decode(damaged, sample().limits);
    if (picture) {
      EXPECT_EQ(picture->shape().width, sample().limits.width);
    } else {
      EXPECT_GT(picture.error().message.size(), 10U);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    All,
    DecodeSample,
    ::testing::Values(Sample{"rgba8.png", {Format::kPng, 16, 12}, {16, 12, 4, Depth::kU8}},
                      Sample{"rgba16.png", {Format::kPng, 16, 12}, {16, 12, 4, Depth::kU16}},
                      Sample{"rgb.jpg", {Format::kJpeg, 16, 12}, {16, 12, 3, Depth::kU8}},
                      Sample{"half_zip.exr", {Format::kExr, 16, 12}, {16, 12, 4, Depth::kF16}},
                      Sample{"float_piz.exr", {Format::kExr, 16, 12}, {16, 12, 3, Depth::kF32}},
                      Sample{"half_dwaa.exr", {Format::kExr, 100, 70}, {100, 70, 4, Depth::kF16}}));

TEST(Decode, TakesTheMemoryThatItIsGiven) {
  struct Slab : PictureMemory {
    std::shared_ptr<std::byte> take(std::size_t bytes) override {
      if (bytes > sizeof(bytes_)) return nullptr;
      return {bytes_, [this](std::byte*) { returned = true; }};
    }
    alignas(kRowAlignment) std::byte bytes_[64 * 12];
    bool returned = false;
  };
  const Bytes file = image::canonical(load("rgba8.png")).value();
  Slab slab;
  std::ranges::fill(slab.bytes_, std::byte{0xee});
  {
    const auto picture = decode(file, {Format::kPng, 16, 12}, &slab);
    ASSERT_TRUE(picture);
    EXPECT_EQ(picture->data(), slab.bytes_);
    EXPECT_TRUE(same_pixels(*picture, *decode(file, {Format::kPng, 16, 12})));
    EXPECT_FALSE(slab.returned);
  }
  EXPECT_TRUE(slab.returned);
  const Bytes large = image::canonical(load("rgba16.png")).value();
  EXPECT_EQ(decode(large, {Format::kPng, 16, 12}, &slab).error().code, Errc::kUnavailable);
}

TEST(Decode, RefusesWhatIsNoImage) {
  EXPECT_EQ(decode({}, {Format::kPng, 1, 1}).error().code, Errc::kCorrupt);
  EXPECT_EQ(decode(as_bytes("GIF89a....."), {Format::kPng, 1, 1}).error().code, Errc::kCorrupt);
}

}  // namespace
}  // namespace worldshare::verifier
