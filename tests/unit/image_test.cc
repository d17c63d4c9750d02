#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <cstdlib>
#include <memory>
#include <opencv2/imgcodecs.hpp>
#include <string>

#include "shared/files.h"
#include "shared/image/canonical.h"
#include "shared/image/header.h"

namespace worldshare::image {
namespace {

const std::string kFolder = WS_SOURCE_DIR "/tests/golden/blender/";

Bytes load(const std::string& name) {
  const auto text = read_file(kFolder + name, 1 << 20);
  EXPECT_TRUE(text) << name;
  const ByteView view = as_bytes(*text);
  return {view.begin(), view.end()};
}

cv::Mat pixels(const Bytes& image) {
  setenv("OPENCV_IO_ENABLE_OPENEXR", "1", 1);
  return cv::imdecode(image, cv::IMREAD_UNCHANGED);
}

bool same_pixels(const cv::Mat& a, const cv::Mat& b) {
  return !a.empty() && a.size() == b.size() && a.type() == b.type() &&
         std::equal(a.datastart, a.dataend, b.datastart);
}

/// A copy whose end lies on the heap's guard, so that a read beyond it is seen.
struct Exact {
  explicit Exact(ByteView from) : size(from.size()), data(new std::uint8_t[size]) {
    std::copy(from.begin(), from.end(), data.get());
  }
  ByteView view() const { return {data.get(), size}; }
  std::size_t size;
  std::unique_ptr<std::uint8_t[]> data;
};

void append_big(Bytes& out, std::uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) {
    out.push_back(static_cast<std::uint8_t>(value >> shift));
  }
}

void append_little(Bytes& out, std::uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) out.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
}

void append_text(Bytes& out, std::string_view text) {
  out.insert(out.end(), text.begin(), text.end());
}

Bytes png_chunk(const std::string& type, const Bytes& data) {
  Bytes out;
  append_big(out, static_cast<std::uint32_t>(data.size()));
  append_text(out, type);
  out.insert(out.end(), data.begin(), data.end());
  const auto sum = crc32_z(0, out.data() + 4, out.size() - 4);
  append_big(out, static_cast<std::uint32_t>(sum));
  return out;
}

constexpr std::size_t kAfterIhdr = 8 + 25;

Bytes with_inserted(Bytes image, std::size_t at, const Bytes& part) {
  image.insert(image.begin() + static_cast<std::ptrdiff_t>(at), part.begin(), part.end());
  return image;
}

/// 4x3 pixels, one uncompressed half channel, tiles of 2x2, each tile filled with its number; and
/// one foreign attribute.
Bytes tiled_exr() {
  Bytes out;
  append_little(out, 20000630, 4);
  append_little(out, 2 | 1U << 9, 4);
  const auto attribute = [&](std::string_view name, std::string_view type, const Bytes& value) {
    append_text(out, name);
    out.push_back(0);
    append_text(out, type);
    out.push_back(0);
    append_little(out, value.size(), 4);
    out.insert(out.end(), value.begin(), value.end());
  };
  Bytes channels{'Y', 0};
  append_little(channels, 1, 4);
  append_little(channels, 0, 4);
  append_little(channels, 1, 4);
  append_little(channels, 1, 4);
  channels.push_back(0);
  Bytes window(8, 0);
  append_little(window, 3, 4);
  append_little(window, 2, 4);
  Bytes tiles;
  append_little(tiles, 2, 4);
  append_little(tiles, 2, 4);
  tiles.push_back(0);
  attribute("channels", "chlist", channels);
  attribute("compression", "compression", {0});
  attribute("dataWindow", "box2i", window);
  attribute("displayWindow", "box2i", window);
  attribute("host", "string", {'m', 'y', 'p', 'c'});
  attribute("lineOrder", "lineOrder", {0});
  attribute("pixelAspectRatio", "float", {0, 0, 0x80, 0x3f});
  attribute("screenWindowCenter", "v2f", Bytes(8, 0));
  attribute("screenWindowWidth", "float", {0, 0, 0x80, 0x3f});
  attribute("tiles", "tiledesc", tiles);
  out.push_back(0);
  Bytes chunks;
  const std::size_t first = out.size() + 4 * 8;
  for (std::uint32_t y = 0; y < 2; ++y) {
    for (std::uint32_t x = 0; x < 2; ++x) {
      append_little(out, first + chunks.size(), 8);
      append_little(chunks, x, 4);
      append_little(chunks, y, 4);
      append_little(chunks, 0, 8);
      const std::size_t samples = y == 0 ? 4 : 2;
      append_little(chunks, samples * 2, 4);
      for (std::size_t i = 0; i < samples; ++i) append_little(chunks, 0x3c00 + 2 * y + x, 2);
    }
  }
  out.insert(out.end(), chunks.begin(), chunks.end());
  return out;
}

struct Sample {
  const char* file;
  Header header;
};

class BlenderImage : public testing::TestWithParam<Sample> {};

TEST_P(BlenderImage, HeaderIsRead) {
  const auto header = read_header(load(GetParam().file));
  ASSERT_TRUE(header) << header.error().message;
  const Header& expected = GetParam().header;
  EXPECT_EQ(header->format, expected.format);
  EXPECT_EQ(header->width, expected.width);
  EXPECT_EQ(header->height, expected.height);
  EXPECT_EQ(header->channels, expected.channels);
  EXPECT_EQ(header->bits, expected.bits);
  EXPECT_EQ(header->floating_point, expected.floating_point);
}

TEST_P(BlenderImage, CanonicalFormKeepsThePixelsAndDropsTheRest) {
  const Bytes image = load(GetParam().file);
  EXPECT_FALSE(check_canonical(image));
  const auto clean = canonical(image);
  ASSERT_TRUE(clean) << clean.error().message;
  EXPECT_LT(clean->size(), image.size());
  for (const char* word : {"Date", "untitled", "Camera", "RenderTime", "cycles", "NeoGeo"}) {
    EXPECT_EQ(as_text(*clean).find(word), std::string_view::npos) << word;
  }
  EXPECT_TRUE(check_canonical(*clean));
  EXPECT_EQ(canonical(*clean).value(), *clean);
  EXPECT_TRUE(same_pixels(pixels(image), pixels(*clean)));
}

TEST_P(BlenderImage, EveryTruncationIsCorrupt) {
  const Bytes image = load(GetParam().file);
  for (std::size_t length = 0; length < image.size(); ++length) {
    const Exact part(ByteView(image).subspan(0, length));
    (void)read_header(part.view());
    const auto clean = canonical(part.view());
    ASSERT_FALSE(clean) << "of length " << length;
    EXPECT_EQ(clean.error().code, Errc::kCorrupt);
  }
}

TEST_P(BlenderImage, BitFlipsNeverCrashAndTheCanonicalFormStaysIdempotent) {
  const Bytes image = load(GetParam().file);
  for (std::size_t bit = 0; bit < image.size() * 8; bit += 1 + bit % 5) {
    Bytes damaged = image;
    damaged[bit / 8] = static_cast<std::uint8_t>(damaged[bit / 8] ^ (1U << (bit % 8)));
    const Exact exact(damaged);
    (void)read_header(exact.view());
    const auto clean = canonical(exact.view());
    if (clean) {
      ASSERT_EQ(canonical(*clean).value(), *clean) << "bit " << bit;
    }
  }
}

TEST_P(BlenderImage, BytesAfterTheEndAreCorrupt) {
  Bytes image = load(GetParam().file);
  image.push_back(0);
  EXPECT_FALSE(canonical(image));
}

INSTANTIATE_TEST_SUITE_P(
    All,
    BlenderImage,
    testing::Values(Sample{"rgba8.png", {Format::kPng, 16, 12, 4, 8, false}},
                    Sample{"rgba16.png", {Format::kPng, 16, 12, 4, 16, false}},
                    Sample{"rgb.jpg", {Format::kJpeg, 16, 12, 3, 8, false}},
                    Sample{"half_zip.exr", {Format::kExr, 16, 12, 4, 16, true}},
                    Sample{"float_piz.exr", {Format::kExr, 16, 12, 3, 32, true}},
                    Sample{"half_dwaa.exr", {Format::kExr, 100, 70, 4, 16, true}}),
    [](const auto& test) {
      std::string name = test.param.file;
      std::ranges::replace(name, '.', '_');
      return name;
    });

TEST(ReadHeader, OtherFormatsAreRefused) {
  EXPECT_EQ(read_header({}).error().code, Errc::kCorrupt);
  EXPECT_EQ(read_header(as_bytes("GIF89a....")).error().code, Errc::kCorrupt);
  EXPECT_EQ(read_header(as_bytes("<svg></svg>")).error().code, Errc::kCorrupt);
}

TEST(Png, AbsurdSizesAreCorrupt) {
  for (const std::uint32_t side : {0U, 0x7fffffffU, 0xffffffffU}) {
    Bytes ihdr;
    append_big(ihdr, side);
    append_big(ihdr, 4);
    ihdr.insert(ihdr.end(), {8, 6, 0, 0, 0});
    Bytes image = load("rgba8.png");
    const Bytes chunk = png_chunk("IHDR", ihdr);
    std::copy(chunk.begin(), chunk.end(), image.begin() + 8);
    EXPECT_FALSE(read_header(image)) << side;
  }
}

TEST(Png, ChunksThatTellOfTheMachineGoAndColourStays) {
  const Bytes clean = canonical(load("rgba8.png")).value();
  Bytes gamma;
  append_big(gamma, 45455);
  const Bytes with_gamma = with_inserted(clean, kAfterIhdr, png_chunk("gAMA", gamma));
  EXPECT_TRUE(check_canonical(with_gamma));
  for (const char* type : {"tEXt", "zTXt", "iTXt", "tIME", "eXIf", "pHYs", "acTL", "prVt"}) {
    const Bytes image = with_inserted(clean, kAfterIhdr, png_chunk(type, {'x', 0, 'y'}));
    const auto check = check_canonical(image);
    ASSERT_FALSE(check) << type;
    EXPECT_EQ(check.error().code, Errc::kInvalid);
    EXPECT_THAT(check.error().message, testing::HasSubstr(type));
    EXPECT_EQ(canonical(image).value(), clean);
  }
}

TEST(Png, UnknownCriticalOrMisplacedChunksAreCorrupt) {
  const Bytes clean = canonical(load("rgba8.png")).value();
  const std::size_t before_end = clean.size() - 12;
  EXPECT_FALSE(canonical(with_inserted(clean, kAfterIhdr, png_chunk("ABCD", {}))));
  EXPECT_FALSE(canonical(with_inserted(clean, kAfterIhdr, png_chunk("IEND", {}))));
  EXPECT_FALSE(canonical(with_inserted(clean, before_end, png_chunk("PLTE", {1, 2, 3}))));
  Bytes split = with_inserted(clean, before_end, png_chunk("IDAT", {}));
  EXPECT_TRUE(canonical(split));
  split = with_inserted(split, before_end, png_chunk("tEXt", {'a', 0}));
  EXPECT_FALSE(canonical(split));
}

TEST(Jpeg, ProgressiveScansAreWalked) {
  cv::Mat picture(40, 56, CV_8UC3);
  cv::randu(picture, 0, 255);
  Bytes image;
  ASSERT_TRUE(cv::imencode(".jpg", picture, image,
                           {cv::IMWRITE_JPEG_PROGRESSIVE, 1, cv::IMWRITE_JPEG_RST_INTERVAL, 1}));
  const Bytes commented = with_inserted(image, 2, {0xff, 0xfe, 0, 4, 'h', 'i'});
  EXPECT_THAT(check_canonical(commented).error().message, testing::HasSubstr("comment"));
  EXPECT_EQ(canonical(commented).value(), image);
  EXPECT_TRUE(check_canonical(image));
}

TEST(Jpeg, ExifAndPaddingGo) {
  const Bytes clean = canonical(load("rgb.jpg")).value();
  const Bytes exif = with_inserted(clean, 2, {0xff, 0xe1, 0, 8, 'E', 'x', 'i', 'f', 0, 0});
  EXPECT_EQ(canonical(exif).value(), clean);
  const Bytes padded = with_inserted(clean, 2, {0xff, 0xff});
  EXPECT_EQ(canonical(padded).value(), clean);
}

TEST(Exr, TiledFileKeepsItsPixels) {
  const Bytes image = tiled_exr();
  const auto clean = canonical(image);
  ASSERT_TRUE(clean) << clean.error().message;
  EXPECT_EQ(as_text(*clean).find("mypc"), std::string_view::npos);
  EXPECT_TRUE(check_canonical(*clean));
  EXPECT_TRUE(same_pixels(pixels(image), pixels(*clean)));
}

TEST(Exr, MultiPartAndDeepFilesAreRefused) {
  for (const unsigned flags : {0x08U, 0x10U}) {
    Bytes image = load("half_zip.exr");
    image[5] = static_cast<std::uint8_t>(image[5] | flags);
    EXPECT_FALSE(read_header(image));
  }
}

TEST(Exr, ATableThatPointsElsewhereIsCorrupt) {
  Bytes image = canonical(tiled_exr()).value();
  const std::size_t chunks = 2 * (20 + 8) + 2 * (20 + 4);
  image[image.size() - chunks - 4 * 8] ^= 1;
  EXPECT_THAT(canonical(image).error().message, testing::HasSubstr("table"));
}

}  // namespace
}  // namespace worldshare::image
