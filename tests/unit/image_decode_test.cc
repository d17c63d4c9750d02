#include <gtest/gtest.h>

#include <cstdlib>
#include <opencv2/core.hpp>
#include <opencv2/imgcodecs.hpp>

#include "shared/files.h"
#include "shared/image/canonical.h"
#include "verifier/image/artifacts.h"
#include "verifier/image/decoded_image.h"

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

class Decode : public testing::TestWithParam<Sample> {
 protected:
  static void SetUpTestSuite() { setenv("OPENCV_IO_ENABLE_OPENEXR", "1", 1); }
  const Sample& sample() const { return GetParam(); }
  Bytes clean() const { return image::canonical(load(sample().file)).value(); }
};

TEST_P(Decode, GivesThePixels) {
  const auto image = decode(clean(), sample().limits);
  ASSERT_TRUE(image) << image.error().message;
  EXPECT_EQ(image->shape(), sample().shape);
  EXPECT_TRUE(same_pixels(*image, *decode(clean(), sample().limits)));
}

TEST_P(Decode, TakesOnlyCanonicalFiles) {
  EXPECT_EQ(decode(load(sample().file), sample().limits).error().code, Errc::kInvalid);
}

TEST_P(Decode, TakesOnlyWhatWasAskedFor) {
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

TEST_P(Decode, DamagedDataNeverCrashes) {
  const Bytes image = clean();
  for (std::size_t i = 0; i < image.size(); i += 3) {
    Bytes damaged = image;
    damaged[i] ^= 0x55;
    (void)decode(damaged, sample().limits);
  }
}

INSTANTIATE_TEST_SUITE_P(All,
                         Decode,
                         testing::Values(Sample{"rgba8.png", {Format::kPng, 16, 12}, {16, 12, 4, Depth::kU8}},
                                         Sample{"rgba16.png", {Format::kPng, 16, 12}, {16, 12, 4, Depth::kU16}},
                                         Sample{"rgb.jpg", {Format::kJpeg, 16, 12}, {16, 12, 3, Depth::kU8}},
                                         Sample{"half_zip.exr", {Format::kExr, 16, 12}, {16, 12, 4, Depth::kF32}},
                                         Sample{"float_piz.exr", {Format::kExr, 16, 12}, {16, 12, 3, Depth::kF32}},
                                         Sample{
                                             "half_dwaa.exr", {Format::kExr, 100, 70}, {100, 70, 4, Depth::kF32}}));

TEST(Artifacts, KeepTheLatestWithinTheirBound) {
  const auto folder = std::filesystem::temp_directory_path() / "worldshare-artifacts-test";
  std::filesystem::remove_all(folder);
  const auto store = blobs::Store::open(folder).value();
  std::vector<std::string> names;
  for (int i = 0; i < 3; ++i) {
    Bytes bytes;
    ASSERT_TRUE(cv::imencode(".png", cv::Mat(10, 10, CV_8UC3, cv::Scalar::all(i)), bytes));
    names.push_back(to_hex(sha256(bytes)));
    auto upload = store.begin(names.back(), bytes.size());
    ASSERT_TRUE(upload->write(bytes) && upload->commit());
  }
  Artifacts artifacts(store, 1 << 20, 1280);  // two pictures of 640 bytes
  const ImageLimits limits{Format::kPng, 10, 10};
  for (const auto& name : names) EXPECT_TRUE(artifacts.get(name, limits));
  std::filesystem::remove_all(folder);
  EXPECT_EQ(artifacts.get(names[0], limits).error().code, Errc::kNotFound) << "was pushed out";
  EXPECT_TRUE(artifacts.get(names[1], limits));
  EXPECT_TRUE(artifacts.get(names[2], limits));
  EXPECT_FALSE(artifacts.get(names[2], {Format::kPng, 11, 10})) << "other limits";
}

}  // namespace
}  // namespace worldshare::verifier
