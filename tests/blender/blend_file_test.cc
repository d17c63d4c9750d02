#include "shared/scene/blend_file.h"

#include <gtest/gtest.h>
#include <zlib.h>
#include <zstd.h>

#include <random>

#include "tests/blender/scene_folder.h"

namespace worldshare::scene {
namespace {

using testing::read_all;
using testing::scene_folder;
using testing::TempFolder;
using testing::write_all;

constexpr std::uint64_t kLimit = 1ULL << 30;

class BlendFileTest : public ::testing::Test {
 protected:
  Result<BlendFile> check(const std::string& bytes, std::uint64_t limit = kLimit) {
    const auto path = folder_.path() / "file.blend";
    write_all(path, bytes);
    return check_blend_file(path, limit);
  }
  static std::string plain() { return read_all(scene_folder() / "cycles.blend"); }
  static std::string packed() { return read_all(scene_folder() / "cycles_zstd.blend"); }

  TempFolder folder_;
};

std::string zstd(const std::string& bytes) {
  std::string out(ZSTD_compressBound(bytes.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), bytes.data(), bytes.size(), 3));
  return out;
}

std::string gzip(const std::string& bytes) {
  z_stream stream{};
  deflateInit2(&stream, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&stream, static_cast<uLong>(bytes.size())), '\0');
  std::string in = bytes;
  stream.next_in = reinterpret_cast<Bytef*>(in.data());
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

template <class Integer>
std::string field(Integer value, bool big_endian = false) {
  std::string out(sizeof(value), '\0');
  for (std::size_t i = 0; i < sizeof(value); ++i) {
    const std::size_t at = big_endian ? sizeof(value) - 1 - i : i;
    out[at] = static_cast<char>(static_cast<std::uint64_t>(value) >> (8 * i));
  }
  return out;
}

TEST_F(BlendFileTest, AFileSavedByBlenderPasses) {
  const auto file = check_blend_file(scene_folder() / "cycles.blend", kLimit);
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->version, "3.4");
  EXPECT_EQ(file->compression, "none");
  EXPECT_EQ(file->size_bytes, plain().size());
  EXPECT_EQ(file->plain_bytes, plain().size());
}

TEST_F(BlendFileTest, ACompressedFileSavedByBlenderPasses) {
  const auto file = check_blend_file(scene_folder() / "cycles_zstd.blend", kLimit);
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->version, "3.4");
  EXPECT_EQ(file->compression, "zstd");
  EXPECT_EQ(file->size_bytes, packed().size());
  EXPECT_GT(file->plain_bytes, file->size_bytes);
}

TEST_F(BlendFileTest, AGzipFileOfOldTimesPasses) {
  const auto file = check(gzip(plain()));
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->compression, "gzip");
  EXPECT_EQ(file->plain_bytes, plain().size());
}

TEST_F(BlendFileTest, HeadersOfOtherVersionsAndMachinesAreRead) {
  const std::string old_big_endian = "BLENDER_V279DNA1" + field(4, true) + std::string(12, 'x') +
                                     "data" + "ENDB" + std::string(16, '\0');
  const auto old_file = check(old_big_endian);
  ASSERT_TRUE(old_file) << old_file.error().message;
  EXPECT_EQ(old_file->version, "2.79");

  const std::string since_5 = "BLENDER17-01v0502DNA1" + std::string(12, 'x') + field(4L) +
                              field(1L) + "data" + "ENDB" + std::string(28, '\0');
  const auto new_file = check(since_5);
  ASSERT_TRUE(new_file) << new_file.error().message;
  EXPECT_EQ(new_file->version, "5.2");
}

TEST_F(BlendFileTest, TruncatedAnywhereIsCorrupt) {
  const std::string bytes = plain();
  std::vector<std::size_t> cuts{7, 11, 12, 20, 36, bytes.size() - 1, bytes.size() - 24};
  for (std::size_t cut = 100; cut < bytes.size(); cut += bytes.size() / 40) cuts.push_back(cut);
  for (const std::size_t cut : cuts) {
    const auto file = check(bytes.substr(0, cut));
    ASSERT_FALSE(file) << cut;
    EXPECT_EQ(file.error().code, Errc::kCorrupt) << cut << file.error().message;
  }
}

TEST_F(BlendFileTest, TruncatedCompressedIsCorrupt) {
  for (const std::string& bytes : {packed(), gzip(plain())}) {
    std::vector<std::size_t> cuts{5, 20, bytes.size() - 1};
    for (std::size_t cut = 50; cut < bytes.size(); cut += bytes.size() / 20) cuts.push_back(cut);
    for (const std::size_t cut : cuts) {
      const auto file = check(bytes.substr(0, cut));
      ASSERT_FALSE(file) << cut;
      EXPECT_EQ(file.error().code, Errc::kCorrupt) << cut << file.error().message;
    }
  }
}

TEST_F(BlendFileTest, WhatIsNotABlendIsNamed) {
  const auto image = check_blend_file(scene_folder() / "beside.png", kLimit);
  ASSERT_FALSE(image);
  EXPECT_EQ(image.error().code, Errc::kInvalid);
  EXPECT_NE(image.error().message.find("PNG"), std::string::npos);
  EXPECT_NE(check("").error().message.find("empty"), std::string::npos);
  EXPECT_EQ(check(zstd("hello")).error().code, Errc::kInvalid);
  EXPECT_EQ(check_blend_file(folder_.path(), kLimit).error().code, Errc::kInvalid);
  EXPECT_EQ(check_blend_file(folder_.path() / "none.blend", kLimit).error().code, Errc::kNotFound);
}

TEST_F(BlendFileTest, RandomBytesNeverPass) {
  std::mt19937 random(7);
  for (int round = 0; round < 300; ++round) {
    std::string bytes(random() % 5000, '\0');
    for (char& c : bytes) c = static_cast<char>(random());
    if (round % 3 == 0) bytes = "BLENDER-v304" + bytes;
    if (round % 3 == 1) bytes = "BLENDER17-01v0500" + bytes;
    EXPECT_FALSE(check(bytes)) << round;
  }
}

TEST_F(BlendFileTest, DamagedCompressedBytesAreCorrupt) {
  std::mt19937 random(8);
  int refused = 0;
  for (int round = 0; round < 50; ++round) {
    std::string bytes = packed();
    for (int i = 0; i < 20; ++i) bytes[random() % bytes.size()] = static_cast<char>(random());
    refused += check(bytes) ? 0 : 1;
  }
  EXPECT_GT(refused, 40);
}

TEST_F(BlendFileTest, ABombIsStoppedAtTheLimit) {
  std::string bomb = "BLENDER-v304DATA" + field(400'000'000) + std::string(16, '\0');
  bomb += std::string(400'000'000, '\0');
  const std::string small = zstd(bomb);
  ASSERT_LT(small.size(), 100'000U);
  const auto file = check(small, 10'000'000);
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().code, Errc::kDenied);
  EXPECT_EQ(check(plain(), 1000).error().code, Errc::kDenied);
}

}  // namespace
}  // namespace worldshare::scene
