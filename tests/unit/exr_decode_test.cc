#include <ImfArray.h>
#include <ImfChannelList.h>
#include <ImfDeepScanLineOutputFile.h>
#include <ImfFrameBuffer.h>
#include <ImfHeader.h>
#include <ImfIO.h>
#include <ImfOutputFile.h>
#include <ImfPartType.h>
#include <ImfTiledOutputFile.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <opencv2/imgcodecs.hpp>

#include "shared/image/canonical.h"
#include "shared/image/exr_parts.h"
#include "verifier/image/decode.h"
#include "verifier/image/exr_unpack.h"

namespace worldshare::verifier {
namespace {

using ::testing::HasSubstr;

constexpr int kWidth = 13;
constexpr int kHeight = 37;  // more than a chunk of 16 or 32 lines

class Sink : public Imf::OStream {
 public:
  Sink() : OStream("test") {}
  void write(const char bytes[], int count) override {
    bytes_.resize(std::max(bytes_.size(), position_ + static_cast<std::size_t>(count)));
    std::memcpy(bytes_.data() + position_, bytes, static_cast<std::size_t>(count));
    position_ += static_cast<std::size_t>(count);
  }
  std::uint64_t tellp() override { return position_; }
  void seekp(std::uint64_t position) override { position_ = position; }
  const Bytes& bytes() const { return bytes_; }

 private:
  Bytes bytes_;
  std::size_t position_ = 0;
};

struct Channel {
  std::string name;
  Imf::PixelType type;
};

float value_at(int x, int y, std::size_t channel) {
  return static_cast<float>(x) * 0.25F - static_cast<float>(y) + static_cast<float>(channel) / 8;
}

/// The planes of a picture in the types of its channels.
struct Planes {
  explicit Planes(const std::vector<Channel>& channels) {
    for (std::size_t c = 0; c < channels.size(); ++c) {
      for (int y = 0; y < kHeight; ++y) {
        for (int x = 0; x < kWidth; ++x) put(channels[c].type, value_at(x, y, c));
      }
    }
  }
  void put(Imf::PixelType type, float value) {
    const half small = value;
    const auto whole = static_cast<std::uint32_t>(std::abs(value));
    char bytes[4] = {};
    if (type == Imf::HALF) std::memcpy(bytes, &small, 2);
    if (type == Imf::FLOAT) std::memcpy(bytes, &value, 4);
    if (type == Imf::UINT) std::memcpy(bytes, &whole, 4);
    data.insert(data.end(), bytes, bytes + 4);
  }
  std::vector<char> data;  // 4 bytes a sample
};

Imf::Header header_of(const std::vector<Channel>& channels, Imf::Compression compression) {
  Imf::Header header(kWidth, kHeight);
  header.compression() = compression;
  for (const auto& channel : channels) header.channels().insert(channel.name, channel.type);
  return header;
}

Imf::FrameBuffer frame(const std::vector<Channel>& channels, Planes& planes) {
  Imf::FrameBuffer out;
  for (std::size_t c = 0; c < channels.size(); ++c) {
    char* first = planes.data.data() + c * kWidth * kHeight * 4;
    out.insert(channels[c].name, Imf::Slice(channels[c].type, first, 4, 4 * kWidth));
  }
  return out;
}

Bytes exr(const std::vector<Channel>& channels, const Imf::Header& header) {
  Planes planes(channels);
  Sink sink;
  {
    Imf::OutputFile file(sink, header, 0);
    file.setFrameBuffer(frame(channels, planes));
    file.writePixels(kHeight);
  }
  return image::canonical(sink.bytes()).value();
}

Bytes exr(const std::vector<Channel>& channels,
          Imf::Compression compression = Imf::ZIP_COMPRESSION) {
  return exr(channels, header_of(channels, compression));
}

Result<Picture> decoded(const Bytes& file) {
  return decode(file, {image::Format::kExr, kWidth, kHeight});
}

std::string why_not(const Bytes& file) {
  const auto picture = decoded(file);
  return picture ? "decoded" : picture.error().message;
}

std::vector<Channel> rgb(Imf::PixelType type) { return {{"R", type}, {"G", type}, {"B", type}}; }

template <class T>
void expect_values(const Picture& picture) {
  const std::size_t channels = picture.shape().channels;
  for (int y = 0; y < kHeight; ++y) {
    for (int x = 0; x < kWidth; ++x) {
      for (std::size_t c = 0; c < channels; ++c) {
        T got;
        const auto at = static_cast<std::size_t>(x) * channels + c;
        std::memcpy(&got, picture.row<T>(static_cast<std::uint32_t>(y)) + at, sizeof got);
        ASSERT_EQ(static_cast<float>(got), static_cast<float>(T(value_at(x, y, c))));
      }
    }
  }
}

class ExrCompression : public ::testing::TestWithParam<Imf::Compression> {};

TEST_P(ExrCompression, HalfStaysHalfAndFloatStaysFloat) {
  auto channels = rgb(Imf::HALF);
  channels.push_back({"A", Imf::HALF});
  const auto halves = decoded(exr(channels, GetParam()));
  ASSERT_TRUE(halves) << halves.error().message;
  EXPECT_EQ(halves->shape(), (Shape{kWidth, kHeight, 4, Depth::kF16}));
  expect_values<half>(*halves);
  const auto floats = decoded(exr({{"Y", Imf::FLOAT}}, GetParam()));
  ASSERT_TRUE(floats) << floats.error().message;
  EXPECT_EQ(floats->shape(), (Shape{kWidth, kHeight, 1, Depth::kF32}));
  expect_values<float>(*floats);
}

INSTANTIATE_TEST_SUITE_P(Lossless,
                         ExrCompression,
                         ::testing::Values(Imf::NO_COMPRESSION,
                                           Imf::RLE_COMPRESSION,
                                           Imf::ZIPS_COMPRESSION,
                                           Imf::ZIP_COMPRESSION,
                                           Imf::PIZ_COMPRESSION));

TEST(ExrDecode, EqualsOpenCv) {
  setenv("OPENCV_IO_ENABLE_OPENEXR", "1", 1);
  const Bytes file = exr(rgb(Imf::FLOAT));
  const auto ours = decoded(file);
  const cv::Mat theirs = cv::imdecode(file, cv::IMREAD_UNCHANGED);
  ASSERT_TRUE(ours && theirs.type() == CV_32FC3);
  for (int y = 0; y < kHeight; ++y) {
    for (int x = 0; x < kWidth; ++x) {
      for (int c = 0; c < 3; ++c) {
        const float mine = ours->row<float>(static_cast<std::uint32_t>(y))[x * 3 + c];
        ASSERT_EQ(mine, theirs.ptr<float>(y)[x * 3 + 2 - c]);
      }
    }
  }
}

TEST(ExrDecode, KeepsNanAndInfinity) {
  const std::vector<Channel> channels{{"Y", Imf::FLOAT}, {"A", Imf::FLOAT}};
  Planes planes(channels);
  const float odd[3] = {std::nanf("7"), std::numeric_limits<float>::infinity(),
                        -std::numeric_limits<float>::infinity()};
  std::memcpy(planes.data.data(), odd, sizeof odd);
  Sink sink;
  {
    Imf::OutputFile file(sink, header_of(channels, Imf::ZIP_COMPRESSION), 0);
    file.setFrameBuffer(frame(channels, planes));
    file.writePixels(kHeight);
  }
  const auto picture = decoded(image::canonical(sink.bytes()).value());
  ASSERT_TRUE(picture) << picture.error().message;
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(std::memcmp(picture->row<float>(0) + 2 * i, odd + i, 4), 0) << i;
  }
}

TEST(ExrDecode, TilesAreRead) {
  const auto channels = rgb(Imf::HALF);
  Planes planes(channels);
  Imf::Header header = header_of(channels, Imf::ZIP_COMPRESSION);
  header.setTileDescription({8, 16, Imf::MIPMAP_LEVELS});
  Sink sink;
  {
    Imf::TiledOutputFile file(sink, header, 0);
    for (int level = 0; level < file.numLevels(); ++level) {
      file.setFrameBuffer(frame(channels, planes));
      file.writeTiles(0, file.numXTiles(level) - 1, 0, file.numYTiles(level) - 1, level);
    }
  }
  const auto picture = decoded(image::canonical(sink.bytes()).value());
  ASSERT_TRUE(picture) << picture.error().message;
  expect_values<half>(*picture);
}

TEST(ExrDecode, OtherChannelsAreRefusedByName) {
  EXPECT_THAT(why_not(exr({{"R", Imf::HALF}, {"G", Imf::HALF}})),
              HasSubstr("channel B is missing"));
  EXPECT_THAT(why_not(exr({{"A", Imf::HALF}})), HasSubstr("channel R is missing"));
  EXPECT_THAT(why_not(exr({{"Z", Imf::FLOAT}})), HasSubstr("channel \"Z\""));
  EXPECT_THAT(why_not(exr({{"Layer.R", Imf::HALF}})), HasSubstr("channel \"Layer.R\""));
  EXPECT_THAT(why_not(exr({{"Y", Imf::HALF}, {"R", Imf::HALF}})), HasSubstr("both Y and R"));
  auto five = rgb(Imf::HALF);
  five.insert(five.end(), {{"A", Imf::HALF}, {"Z", Imf::HALF}});
  EXPECT_THAT(why_not(exr(five)), HasSubstr("5 channels"));
}

TEST(ExrDecode, MixedTypesAndWholeNumbersAreRefused) {
  auto mixed = rgb(Imf::HALF);
  mixed[1].type = Imf::FLOAT;
  EXPECT_THAT(why_not(exr(mixed)), HasSubstr("different types"));
  EXPECT_THAT(why_not(exr(rgb(Imf::UINT))), HasSubstr("whole numbers"));
}

TEST(ExrDecode, WindowsThatDifferAreRefused) {
  Imf::Header header = header_of(rgb(Imf::HALF), Imf::ZIP_COMPRESSION);
  header.displayWindow().max.x += 1;
  EXPECT_THAT(why_not(exr(rgb(Imf::HALF), header)), HasSubstr("display window"));
}

/// Writes the window's greatest x.
void widen(Bytes& file, const char* window, std::uint32_t to) {
  const std::string head = std::string(window) + '\0' + "box2i" + '\0';
  const auto at = as_text(file).find(head) + head.size() + 4 + 8;
  for (std::size_t i = 0; i < 4; ++i) file[at + i] = static_cast<std::uint8_t>(to >> (8 * i));
}

TEST(ExrDecode, HugeDataWindowsAreRefusedBeforeTheyCostMemory) {
  Bytes file = exr(rgb(Imf::HALF));
  for (const std::uint32_t side : {0x7ffffffeU, 16'000'000U, 1U << 20}) {
    widen(file, "dataWindow", side);
    const auto picture = decode(file, {image::Format::kExr, side + 1, kHeight, 1ULL << 50});
    ASSERT_FALSE(picture) << side;
    EXPECT_THAT(picture.error().message, HasSubstr("absurdly large"));
  }
  widen(file, "dataWindow", 99'999);
  EXPECT_THAT(why_not(file), HasSubstr("100000x37 pixels, the job asks for 13x37"));
  widen(file, "displayWindow", 99'999);
  const auto picture = decode(file, {image::Format::kExr, 100'000, kHeight});
  ASSERT_FALSE(picture) << "the chunks are still those of a small picture";
  EXPECT_EQ(picture.error().code, Errc::kCorrupt) << picture.error().message;
}

TEST(ExrDecode, DeepAndMultiPartFilesAreRefused) {
  for (const unsigned flag : {0x08U, 0x10U}) {
    Bytes file = exr(rgb(Imf::HALF));
    file[5] = static_cast<std::uint8_t>(file[5] | flag);
    EXPECT_THAT(why_not(file), HasSubstr("deep, multi-part"));
  }
  Imf::Header header = header_of(rgb(Imf::HALF), Imf::ZIP_COMPRESSION);
  Bytes file = exr(rgb(Imf::HALF), header);
  const std::string_view next("screenWindowWidth");
  const auto at = as_text(file).find(next);
  ASSERT_NE(at, std::string_view::npos);
  const std::string_view type("type\0string\0\x0c\0\0\0deepscanline", 28);
  file.insert(file.begin() + static_cast<std::ptrdiff_t>(at), type.begin(), type.end());
  EXPECT_THAT(why_not(file), HasSubstr("type is not that of a flat image"));
}

/// Where the last chunk begins: its line, the size of its data, the data.
std::size_t last_chunk(const Bytes& file) {
  const auto parts = image::read_exr(file).value();
  std::size_t at = file.size() - parts.chunks.size();
  for (;;) {
    const std::size_t size = file[at + 4] | std::size_t{file[at + 5]} << 8;
    if (at + 8 + size == file.size()) return at;
    at += 8 + size;
  }
}

TEST(ExrDecode, ChunksThatDoNotCoverThePictureOnceAreCorrupt) {
  const Bytes file = exr(rgb(Imf::HALF));
  const std::size_t at = last_chunk(file);
  ASSERT_EQ(file[at], 32);
  const auto moved = [&](std::uint8_t line) {
    Bytes out = file;
    out[at] = line;
    return why_not(out);
  };
  EXPECT_THAT(moved(16), HasSubstr("two chunks have one place"));
  EXPECT_THAT(moved(33), HasSubstr("wrong line"));
  EXPECT_THAT(moved(48), HasSubstr("outside of the picture"));
  Bytes empty(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(at) + 8);
  empty[at + 4] = 0;
  empty[at + 5] = 0;
  EXPECT_THAT(why_not(empty), HasSubstr("a chunk is empty"));
}

TEST(ExrDecode, AChunkThatHoldsLessThanItsPixelsIsCorrupt) {
  // OpenEXR's reader would fill the rest with what its buffer held before.
  Bytes file = exr(rgb(Imf::HALF), Imf::NO_COMPRESSION);
  file[last_chunk(file) + 4] -= 6;
  file.resize(file.size() - 6);
  EXPECT_THAT(why_not(file), HasSubstr("not as large as its pixels"));
}

TEST(ExrUnpacker, TakesExactlyTheSizeOfTheChunk) {
  ExrUnpacker runs(ExrPacking::kRunLength);
  const Bytes packed{9, 0x80};  // ten times 0x80: no difference to the byte before
  Bytes ten(10, 1);
  ASSERT_TRUE(runs.unpack(packed, ten));
  EXPECT_EQ(ten, Bytes(10, 0x80));
  Bytes nine(9);
  Bytes eleven(11);
  EXPECT_FALSE(runs.unpack(packed, nine)) << "more than there is place for";
  EXPECT_FALSE(runs.unpack(packed, eleven)) << "less";
  EXPECT_FALSE(runs.unpack(Bytes{9}, ten)) << "a run without its byte";
  EXPECT_FALSE(runs.unpack(Bytes{0xf6, 1}, ten)) << "fewer bytes than it counts";
  ExrUnpacker none(ExrPacking::kNone);
  EXPECT_FALSE(none.unpack(nine, ten));
  ASSERT_TRUE(none.unpack(Bytes(10, 7), ten));
  EXPECT_EQ(ten, Bytes(10, 7));
}

TEST(ExrDecode, DamagedChunksAreCorrupt) {
  Bytes file = exr(rgb(Imf::HALF), Imf::ZIP_COMPRESSION);
  for (std::size_t at = last_chunk(file) + 8; at < file.size(); ++at) file[at] ^= 0xff;
  const auto picture = decoded(file);
  ASSERT_FALSE(picture);
  EXPECT_EQ(picture.error().code, Errc::kCorrupt);
  EXPECT_THAT(picture.error().message, HasSubstr("is damaged"));
}

}  // namespace
}  // namespace worldshare::verifier
