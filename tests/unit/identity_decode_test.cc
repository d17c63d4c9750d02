#include <gtest/gtest.h>

#include "shared/files.h"
#include "shared/image/canonical.h"
#include "tests/unit/decode_png_maker.h"
#include "verifier/image/decode.h"
#include "verifier/image/pixel_identity.h"

namespace worldshare::verifier {
namespace {

using worldshare::testing::PngMaker;
using worldshare::testing::with_chunk;

PngMaker sample() {
  PngMaker png{.width = 40, .height = 30, .depth = 4, .colour_type = 3};
  png.fill(1);
  return png;
}

Bytes golden(const std::string& name) {
  const auto text = read_file(WS_SOURCE_DIR "/tests/golden/blender/" + name, 1 << 20).value();
  const ByteView view = as_bytes(text);
  return {view.begin(), view.end()};
}

TEST(PixelIdentity, IgnoresHowTheStreamIsCutAndWhatTellsOfTheMachine) {
  const auto identity = pixel_identity(sample().file()).value();
  PngMaker cut = sample();
  for (const std::size_t size : {1U, 7U, 100U}) {
    cut.cut = size;
    EXPECT_EQ(pixel_identity(cut.file()).value(), identity) << size;
  }
  EXPECT_EQ(pixel_identity(with_chunk(sample().file(), "tEXt", {'D', 0, 'x'})).value(), identity);
}

TEST(PixelIdentity, EveryPartThatFixesPixelsCounts) {
  const auto identity = pixel_identity(sample().file()).value();
  const auto changed = [&](auto change) {
    PngMaker png = sample();
    change(png);
    return pixel_identity(png.file()).value() != identity;
  };
  EXPECT_TRUE(changed([](PngMaker& png) { png.palette[5] ^= 1; }));
  EXPECT_TRUE(changed([](PngMaker& png) { png.transparency = {0}; }));
  EXPECT_TRUE(changed([](PngMaker& png) { png.rows.back() ^= 1; }));
  EXPECT_TRUE(changed([](PngMaker& png) { png.interlace = 1; }));
  EXPECT_TRUE(changed([](PngMaker& png) { png.width -= 1; }));
  EXPECT_TRUE(changed([](PngMaker& png) { png.height -= 1; }));
  EXPECT_TRUE(changed([](PngMaker& png) { png.tail = {0}; }));
  EXPECT_TRUE(changed([](PngMaker& png) {
    png.width *= 4;  // the same rows of bytes, read as single bits
    png.depth = 1;
    png.palette.resize(6);
  }));
  // What ends the palette cannot begin the transparency.
  PngMaker all = sample();
  all.transparency = {1, 2, 3};
  PngMaker moved = sample();
  moved.palette.resize(moved.palette.size() - 3);
  EXPECT_NE(pixel_identity(all.file()).value(), pixel_identity(moved.file()).value());
}

TEST(PixelIdentity, EqualIdentityMeansEqualPixels) {
  PngMaker cut = sample();
  cut.cut = 13;
  ASSERT_EQ(pixel_identity(cut.file()).value(), pixel_identity(sample().file()).value());
  const ImageLimits limits{image::Format::kPng, 40, 30};
  EXPECT_TRUE(same_pixels(*decode(cut.file(), limits), *decode(sample().file(), limits)));
}

class IdentityOfRenders : public ::testing::TestWithParam<const char*> {};

TEST_P(IdentityOfRenders, IsThatOfTheCanonicalForm) {
  const Bytes file = golden(GetParam());
  const Bytes clean = image::canonical(file).value();
  ASSERT_NE(file, clean);
  EXPECT_EQ(pixel_identity(file).value(), pixel_identity(clean).value());
}

TEST_P(IdentityOfRenders, NoFlippedBitLeavesPixelsOtherThanTheIdentitySays) {
  const Bytes clean = image::canonical(golden(GetParam())).value();
  const auto header = image::read_header(clean).value();
  const ImageLimits limits{header.format, header.width, header.height};
  const auto identity = pixel_identity(clean).value();
  const auto picture = decode(clean, limits).value();
  for (std::size_t bit = 0; bit < clean.size() * 8; bit += 1 + bit % 11) {
    Bytes damaged = clean;
    damaged[bit / 8] = static_cast<std::uint8_t>(damaged[bit / 8] ^ (1U << (bit % 8)));
    const auto other = pixel_identity(damaged);
    if (!other || *other != identity) continue;
    const auto decoded = decode(damaged, limits);
    EXPECT_TRUE(!decoded || same_pixels(*decoded, picture)) << "bit " << bit;
  }
}

INSTANTIATE_TEST_SUITE_P(
    All,
    IdentityOfRenders,
    ::testing::Values("rgba8.png", "rgba16.png", "rgb.jpg", "half_zip.exr", "float_piz.exr"));

TEST(PixelIdentity, DamagedContainersHaveNone) {
  Bytes file = sample().file();
  file.resize(file.size() - 5);
  EXPECT_EQ(pixel_identity(file).error().code, Errc::kCorrupt);
  EXPECT_EQ(pixel_identity({}).error().code, Errc::kCorrupt);
}

}  // namespace
}  // namespace worldshare::verifier
