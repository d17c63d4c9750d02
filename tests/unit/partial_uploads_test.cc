#include "shared/blobs/partial_uploads.h"

#include <gtest/gtest.h>

#include "shared/ids.h"

namespace worldshare::blobs {
namespace {

using namespace std::chrono_literals;

class PartialUploadsTest : public testing::Test {
 protected:
  void TearDown() override { std::filesystem::remove_all(root_); }
  Result<> add(std::uint64_t offset, const std::string& bytes) {
    auto append = uploads_.append("anna", sha_, offset);
    if (!append) return std::unexpected(append.error());
    if (auto ok = append->write(as_bytes(bytes)); !ok) return ok;
    return append->state().offset_bytes == append->state().size_bytes ? append->finish()
                                                                      : Result<>();
  }
  std::size_t files() const {
    const auto folder = std::filesystem::directory_iterator(root_ / "resume");
    return static_cast<std::size_t>(std::distance(folder, {}));
  }
  std::filesystem::path root_ = std::filesystem::temp_directory_path() / ("ws-partial-" + new_id());
  Store store_ = *Store::open(root_);
  PartialUploads uploads_ = *PartialUploads::open(store_, root_ / "resume");
  std::string sha_ = to_hex(sha256(as_bytes("pixels")));
};

TEST_F(PartialUploadsTest, GoesOnWhereItWasCutOffAlsoInAnotherProcess) {
  ASSERT_TRUE(uploads_.create("anna", sha_, 6));
  ASSERT_TRUE(add(0, "pix"));
  const auto others = PartialUploads::open(store_, root_ / "resume");  // nothing is in memory
  EXPECT_EQ(others->state("anna", sha_)->offset_bytes, 3U);
  EXPECT_EQ(others->create("anna", sha_, 6)->offset_bytes, 3U) << "it is found, not begun anew";
  EXPECT_FALSE(store_.size(sha_));
  ASSERT_TRUE(add(3, "els"));
  EXPECT_EQ(as_text(*store_.read(sha_, 10)), "pixels");
  EXPECT_EQ(files(), 0U);
  EXPECT_EQ(uploads_.state("anna", sha_).error().code, Errc::kNotFound);
}

TEST_F(PartialUploadsTest, RefusesAnotherOffsetASecondWriterAndTooMuch) {
  ASSERT_TRUE(uploads_.create("anna", sha_, 6));
  ASSERT_TRUE(add(0, "pix"));
  for (const std::uint64_t offset : {0U, 2U, 4U, 7U})
    EXPECT_EQ(add(offset, "x").error().code, Errc::kConflict) << offset;
  {
    const auto writing = uploads_.append("anna", sha_, 3);
    ASSERT_TRUE(writing);
    EXPECT_EQ(add(3, "els").error().code, Errc::kConflict);
  }
  EXPECT_EQ(add(3, "els and more").error().code, Errc::kInvalid);
  EXPECT_EQ(uploads_.state("anna", sha_)->offset_bytes, 3U);
  EXPECT_EQ(uploads_.create("anna", sha_, 7).error().code, Errc::kConflict);
}

TEST_F(PartialUploadsTest, OtherBytesAreDroppedAndMayBeSentAnew) {
  ASSERT_TRUE(uploads_.create("anna", sha_, 6));
  EXPECT_EQ(add(0, "PIXELS").error().code, Errc::kCorrupt);
  EXPECT_EQ(files(), 0U);
  EXPECT_FALSE(store_.size(sha_));
  ASSERT_TRUE(uploads_.create("anna", sha_, 6));
  EXPECT_TRUE(add(0, "pixels"));
}

TEST_F(PartialUploadsTest, BelongsToItsAccount) {
  ASSERT_TRUE(uploads_.create("anna", sha_, 6));
  EXPECT_EQ(uploads_.state("bert", sha_).error().code, Errc::kNotFound);
  EXPECT_EQ(uploads_.append("bert", sha_, 0).error().code, Errc::kNotFound);
  EXPECT_EQ(uploads_.drop("bert", sha_).error().code, Errc::kNotFound);
  EXPECT_TRUE(uploads_.drop("anna", sha_));
  EXPECT_EQ(files(), 0U);
}

TEST_F(PartialUploadsTest, WhatNobodyFinishesIsDropped) {
  ASSERT_TRUE(uploads_.create("anna", sha_, 6));
  ASSERT_TRUE(add(0, "pix"));
  uploads_.drop_older_than(1h);
  EXPECT_EQ(files(), 2U);
  uploads_.drop_older_than(-1h);
  EXPECT_EQ(files(), 0U);
}

}  // namespace
}  // namespace worldshare::blobs
