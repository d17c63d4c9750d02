#include "shared/image/bundle.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace worldshare::image {
namespace {

using ::testing::HasSubstr;

Bytes image(std::size_t size, std::uint8_t value) { return Bytes(size, value); }

std::vector<Bytes> copies(const std::vector<ByteView>& views) {
  std::vector<Bytes> out;
  for (const ByteView view : views) out.emplace_back(view.begin(), view.end());
  return out;
}

void expect_corrupt(ByteView bytes, std::uint32_t count, const std::string& why) {
  const auto images = unbundle(bytes, count);
  ASSERT_FALSE(images);
  EXPECT_EQ(images.error().code, Errc::kCorrupt);
  EXPECT_THAT(images.error().message, HasSubstr(why));
}

TEST(BundleTest, GivesBackItsImagesInTheirOrder) {
  const std::vector images{image(3, 1), image(1, 2), image(70'000, 3)};
  const Bytes bytes = bundle(images);
  const auto back = unbundle(bytes, 3);
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(copies(*back), images);
}

TEST(BundleTest, IsLaidOutAsItsHeaderSays) {
  const std::vector images{Bytes{'a', 'b'}, Bytes{'c'}};
  const Bytes expected{'W', 'S', 'F', 'B', 2, 0, 0, 0, 2, 0, 0,   0,   0,  0,
                       0,   0,   1,   0,   0, 0, 0, 0, 0, 0, 'a', 'b', 'c'};
  EXPECT_EQ(bundle(images), expected);
}

TEST(BundleTest, RefusesWhatIsNoBundleOfSoManyImages) {
  const std::vector images{image(3, 1), image(5, 2)};
  const Bytes good = bundle(images);
  expect_corrupt({}, 2, "is none");
  expect_corrupt(as_bytes("\x89PNG\r\n\x1a\n----"), 2, "is none");
  expect_corrupt(good, 3, "holds 2 images, asked were 3");
  expect_corrupt(good, 0, "holds 2 images");
  Bytes longer = good;
  longer.push_back(0);
  expect_corrupt(longer, 2, "more than its images");
  Bytes empty = good;
  empty[8] = 0;
  expect_corrupt(empty, 2, "empty image");
  Bytes huge = good;
  huge[8 + 7] = 0xFF;
  expect_corrupt(huge, 2, "shorter than its images");
  Bytes many = good;
  many[6] = 0xFF;
  expect_corrupt(many, 0x00FF'0002, "ends within its head");
}

TEST(BundleTest, RefusesEveryTruncation) {
  const std::vector images{image(3, 1), image(5, 2)};
  const Bytes good = bundle(images);
  for (std::size_t size = 0; size < good.size(); ++size) {
    EXPECT_FALSE(unbundle(ByteView(good).first(size), 2)) << size;
  }
}

}  // namespace
}  // namespace worldshare::image
