#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <opencv2/core.hpp>
#include <opencv2/imgcodecs.hpp>

#include "shared/image/canonical.h"
#include "tests/integration/verifier_bench.h"
#include "tests/unit/cmyk_jpeg.h"
#include "tests/unit/decode_png_maker.h"

// Every kind of file that is no picture of the job, as an agent would report it, and the reason
// that people are given in the verdict.

namespace worldshare::testing {
namespace {

using ::testing::HasSubstr;
using wire::Decision;

constexpr const char* kExr = R"({"width": 24, "height": 20, "format": "exr"})";
constexpr const char* kJpeg = R"({"width": 24, "height": 20, "format": "jpeg"})";

class BadInput : public VerifierBenchTest {
 protected:
  void SetUp() override {
    VerifierBenchTest::SetUp();
    bench_->start_verifier();
  }

  wire::VerdictT verdict_on(std::int64_t unit, const std::string& owner, const Bytes& artifact) {
    const Lease lease = bench_->lease(unit, bench_->volunteer(owner));
    bench_->render(lease, artifact);
    return bench_->verdict(lease);
  }

  /// Refused when it arrives.
  void expect_void(const Bytes& artifact,
                   const std::string& reason,
                   const std::string& output = VerifierBench::kOutput) {
    const auto verdict = verdict_on(bench_->unit(2, 5, output), "owner", artifact);
    EXPECT_FALSE(verdict.counts) << reason;
    EXPECT_THAT(verdict.reason, HasSubstr("the result is void: "));
    EXPECT_THAT(verdict.reason, HasSubstr(reason));
  }

  /// Found out when it would be accepted.
  void expect_flawed(const Bytes& artifact,
                     const std::string& reason,
                     const std::string& output = VerifierBench::kOutput) {
    const auto verdict = verdict_on(bench_->unit(1, 5, output), "owner", artifact);
    EXPECT_EQ(verdict.decision, Decision::more_replicas) << reason;
    EXPECT_THAT(verdict.reason, HasSubstr("its artifact does not decode: "));
    EXPECT_THAT(verdict.reason, HasSubstr(reason));
    EXPECT_EQ(bench_->query("select count(*) from outputs"), "0");
  }

  /// `first` is taken for a picture; `second` does not agree with it.
  std::string method_of(const Bytes& first,
                        const Bytes& second,
                        const std::string& output = VerifierBench::kOutput) {
    const std::int64_t unit = bench_->unit(2, 5, output);
    EXPECT_EQ(verdict_on(unit, "owner", first).decision, Decision::pending);
    EXPECT_EQ(verdict_on(unit, "another", second).decision, Decision::more_replicas);
    return bench_->query("select method from comparisons where not agree and unit = " +
                         std::to_string(unit));
  }
};

PngMaker png() {
  PngMaker out{.width = 24, .height = 20};
  out.fill(1);
  return out;
}

Bytes changed(Bytes file, std::size_t at, std::uint8_t mask) {
  file[at] ^= mask;
  return file;
}

Bytes encoded(const std::string& extension, const cv::Mat& pixels) {
  Bytes out;
  EXPECT_TRUE(cv::imencode(extension, pixels, out));
  return image::canonical(out).value();
}

Bytes exr(float value = 0.5F) {
  cv::Mat pixels(20, 24, CV_32FC3, cv::Scalar::all(0.5));
  pixels.at<cv::Vec3f>(3, 4)[1] = value;
  return encoded(".exr", pixels);
}

/// Where the text begins in the file.
std::size_t find(const Bytes& file, std::string_view text) {
  const auto found = std::ranges::search(file, as_bytes(text));
  EXPECT_FALSE(found.empty()) << text;
  return static_cast<std::size_t>(found.begin() - file.begin());
}

TEST_F(BadInput, DamagedPng) {
  const Bytes good = png().file();
  expect_void(Bytes(good.begin(), good.end() - 20), "PNG: ends in chunk IDAT");
  expect_void(changed(good, good.size() / 2, 1), "chunk IDAT has a wrong checksum");
  expect_void(changed(good, 20, 1), "chunk IHDR has a wrong checksum");
  PngMaker damaged = png();
  damaged.tail = {1};
  expect_flawed(damaged.file(), "other bytes follow the picture data");
}

TEST_F(BadInput, PngOfAbsurdWidth) {
  PngMaker wide = png();
  wide.width = 16'000'000;
  expect_void(wide.file(), "the image claims 16000000x20 pixels");
}

TEST_F(BadInput, PngThatIsInterlacedOrAnimated) {
  PngMaker interlaced = png();
  interlaced.interlace = 1;
  expect_void(interlaced.file(), "interlaced");
  expect_void(with_chunk(png().file(), "acTL", {0, 0, 0, 2, 0, 0, 0, 0}),
              "an animation (chunk acTL)");
}

TEST_F(BadInput, PngOfOtherChannelsThanItsPartner) {
  PngMaker palette{.width = 24, .height = 20, .depth = 8, .colour_type = 3};
  palette.fill(1);
  EXPECT_EQ(method_of(png().file(), palette.file()), "metrics") << "a palette is RGB";
  PngMaker bits{.width = 24, .height = 20, .depth = 1, .colour_type = 0};
  bits.fill(1);
  EXPECT_EQ(method_of(png().file(), bits.file()), "incomparable") << "1 bit is grey";
  PngMaker deep{.width = 24, .height = 20, .depth = 16};
  deep.fill(1);
  EXPECT_EQ(method_of(png().file(), deep.file()), "incomparable");
  palette.palette.resize(3);
  palette.rows[1] = 7;
  expect_flawed(palette.file(), "a colour that the palette does not have");
}

TEST_F(BadInput, Jpeg) {
  expect_void(cmyk_jpeg(24, 20), "JPEG: is CMYK", kJpeg);
  const Bytes good = encoded(".jpg", cv::Mat(20, 24, CV_8UC3, cv::Scalar(1, 2, 3)));
  expect_void(Bytes(good.begin(), good.end() - 30), "JPEG", kJpeg);
  EXPECT_EQ(verdict_on(bench_->unit(1, 5, kJpeg), "owner", good).decision, Decision::accepted);
}

TEST_F(BadInput, ExrOfAnotherKind) {
  const Bytes good = exr();
  expect_void(changed(good, 5, 0x08), "deep, multi-part", kExr);
  expect_void(changed(good, 5, 0x10), "deep, multi-part", kExr);
  const std::size_t window = find(good, std::string_view("dataWindow\0box2i", 16)) + 21;
  expect_void(changed(good, window + 10, 0x01), "the job asks for 24x20", kExr);
  expect_void(changed(good, window + 11, 0x40), "data window is absurdly large", kExr);
  const std::size_t channels = find(good, std::string_view("chlist", 6)) + 11;
  EXPECT_EQ(good[channels], 'B');
  expect_void(changed(good, channels, 'B' ^ 'D'), "is none of R, G, B, Y and A", kExr);
  expect_void(changed(good, channels, 'B' ^ 'A'), "channel B is missing", kExr);
}

TEST_F(BadInput, DamagedExr) {
  const Bytes good = exr();
  expect_void(Bytes(good.begin(), good.end() - 20), "OpenEXR: ends in its pixel data", kExr);
  expect_flawed(changed(good, good.size() - 9, 0x55), "is damaged", kExr);
}

TEST_F(BadInput, ExrThatIsNotFiniteWhereItsPartnerIs) {
  EXPECT_EQ(method_of(exr(), exr(std::numeric_limits<float>::quiet_NaN()), kExr), "metrics");
  EXPECT_EQ(method_of(exr(), exr(std::numeric_limits<float>::infinity()), kExr), "metrics");
}

TEST_F(BadInput, OneReplicaAndNine) {
  EXPECT_EQ(verdict_on(bench_->unit(1, 5), "owner0", picture(1)).decision, Decision::accepted);
  const std::int64_t unit = bench_->unit(9, 9);
  for (int i = 0; i < 8; ++i) {
    EXPECT_EQ(verdict_on(unit, "owner" + std::to_string(i), picture(1, i % 2)).decision,
              Decision::pending);
  }
  const auto last = verdict_on(unit, "owner8", picture(1));
  EXPECT_EQ(last.decision, Decision::accepted);
  EXPECT_EQ(last.opinions, 9);
}

TEST_F(BadInput, PicturesBelowElevenPixelsAreComparedAll) {
  const std::string output = R"({"width": 7, "height": 9})";
  PngMaker small{.width = 7, .height = 9};
  small.fill(1);
  PngMaker other = small;
  other.fill(2);
  EXPECT_EQ(method_of(small.file(), other.file(), output), "metrics");
}

}  // namespace
}  // namespace worldshare::testing
