#include <gtest/gtest.h>

#include "shared/files.h"
#include "shared/image/canonical.h"
#include "tests/unit/decode_png_maker.h"
#include "verifier/image/decode.h"
#include "verifier/image/same_payload.h"

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

bool same(const Bytes& a, const Bytes& b) { return same_payload(a, b).value(); }

TEST(SamePayload, IgnoresHowTheStreamIsCutAndWhatTellsOfTheMachine) {
  PngMaker cut = sample();
  for (const std::size_t size : {1U, 7U, 100U}) {
    cut.cut = size;
    EXPECT_TRUE(same(cut.file(), sample().file())) << size;
    EXPECT_TRUE(same(sample().file(), cut.file())) << size;
  }
  EXPECT_TRUE(same(with_chunk(sample().file(), "tEXt", {'D', 0, 'x'}), sample().file()));
}

TEST(SamePayload, EveryPartThatFixesPixelsCounts) {
  const auto changed = [&](auto change) {
    PngMaker png = sample();
    change(png);
    return !same(png.file(), sample().file()) && !same(sample().file(), png.file());
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
  EXPECT_FALSE(same(all.file(), moved.file()));
}

TEST(SamePayload, MeansEqualPixels) {
  PngMaker cut = sample();
  cut.cut = 13;
  ASSERT_TRUE(same(cut.file(), sample().file()));
  const ImageLimits limits{image::Format::kPng, 40, 30};
  EXPECT_TRUE(same_pixels(*decode(cut.file(), limits), *decode(sample().file(), limits)));
}

class PayloadOfRenders : public ::testing::TestWithParam<const char*> {};

TEST_P(PayloadOfRenders, IsThatOfTheCanonicalForm) {
  const Bytes file = golden(GetParam());
  const Bytes clean = image::canonical(file).value();
  ASSERT_NE(file, clean);
  EXPECT_TRUE(same(file, clean));
}

TEST_P(PayloadOfRenders, NoFlippedBitLeavesOtherPixelsUnseen) {
  const Bytes clean = image::canonical(golden(GetParam())).value();
  const auto header = image::read_header(clean).value();
  const ImageLimits limits{header.format, header.width, header.height};
  const auto picture = decode(clean, limits).value();
  for (std::size_t bit = 0; bit < clean.size() * 8; bit += 1 + bit % 11) {
    Bytes damaged = clean;
    damaged[bit / 8] = static_cast<std::uint8_t>(damaged[bit / 8] ^ (1U << (bit % 8)));
    const auto like_before = same_payload(damaged, clean);
    if (!like_before || !*like_before) continue;
    const auto decoded = decode(damaged, limits);
    EXPECT_TRUE(!decoded || same_pixels(*decoded, picture)) << "bit " << bit;
  }
}

/// What structure and the proof say of a file is what decode() says, damage to the packed pixels
/// apart, which structure cannot see.
TEST_P(PayloadOfRenders, TheChecksSayWhatDecodingWouldSay) {
  const Bytes clean = image::canonical(golden(GetParam())).value();
  const auto header = image::read_header(clean).value();
  const ImageLimits limits{header.format, header.width, header.height};
  EXPECT_TRUE(check_decodes(clean, limits));
  const bool structured = has_structure(header.format);
  EXPECT_TRUE(!structured || check_structure(clean, limits));
  for (std::size_t bit = 0; bit < clean.size() * 8; bit += 1 + bit % 13) {
    Bytes damaged = clean;
    damaged[bit / 8] = static_cast<std::uint8_t>(damaged[bit / 8] ^ (1U << (bit % 8)));
    const auto decoded = decode(damaged, limits);
    EXPECT_EQ(check_decodes(damaged, limits).has_value(), decoded.has_value()) << "bit " << bit;
    const bool expected = structured && decoded;
    EXPECT_TRUE(!expected || check_structure(damaged, limits)) << "bit " << bit;
  }
}

INSTANTIATE_TEST_SUITE_P(
    All,
    PayloadOfRenders,
    ::testing::Values("rgba8.png", "rgba16.png", "rgb.jpg", "half_zip.exr", "float_piz.exr"));

TEST(SamePayload, DamagedContainersAreErrors) {
  Bytes file = sample().file();
  file.resize(file.size() - 5);
  EXPECT_EQ(same_payload(file, sample().file()).error().code, Errc::kCorrupt);
  EXPECT_EQ(same_payload(sample().file(), file).error().code, Errc::kCorrupt);
  EXPECT_EQ(same_payload({}, {}).error().code, Errc::kCorrupt);
}

/// A PNG that is in order but for what is changed, before the checksums are made.
template <class Change>
Bytes wrong(Change change) {
  PngMaker png{.width = 40, .height = 30};
  png.fill(1);
  change(png);
  return png.file();
}

TEST(Structure, SeesWhatDecodingRefusesBeforeItInflates) {
  const ImageLimits limits{image::Format::kPng, 40, 30};
  EXPECT_TRUE(check_structure(wrong([](PngMaker&) {}), limits));
  EXPECT_FALSE(check_structure(wrong([](PngMaker& png) { png.interlace = 1; }), limits));
  EXPECT_FALSE(check_structure(wrong([](PngMaker& png) { png.transparency = {0}; }), limits));
  EXPECT_FALSE(check_structure(wrong([](PngMaker& png) { png.width = 41; }), limits));
}

TEST(Proof, SeesWhatStructureCannot) {
  const ImageLimits limits{image::Format::kPng, 40, 30};
  const auto only_inside = [&](const Bytes& file, const std::string& why) {
    EXPECT_TRUE(check_structure(file, limits));
    const auto proof = check_decodes(file, limits);
    ASSERT_FALSE(proof);
    EXPECT_NE(proof.error().message.find(why), std::string::npos) << proof.error().message;
    EXPECT_EQ(decode(file, limits).error().message, proof.error().message);
  };
  only_inside(wrong([](PngMaker& png) { png.rows.resize(png.rows.size() - 1); }),
              "before the last row");
  only_inside(wrong([](PngMaker& png) { png.rows.push_back(0); }),
              "more than the header announces");
  only_inside(wrong([](PngMaker& png) { png.tail = {0}; }), "other bytes follow");
  only_inside(wrong([](PngMaker& png) { png.rows[0] = 5; }), "filter 5");
}

TEST(Proof, LooksAtTheColoursOfAPalette) {
  PngMaker png = sample();
  png.rows.assign(png.rows.size(), 0);
  png.rows[1] = 0xff;
  png.palette.resize(6);
  const ImageLimits limits{image::Format::kPng, 40, 30};
  EXPECT_TRUE(check_structure(png.file(), limits));
  EXPECT_FALSE(check_decodes(png.file(), limits));
}

}  // namespace
}  // namespace worldshare::verifier
