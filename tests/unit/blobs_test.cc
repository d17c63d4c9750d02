#include <gtest/gtest.h>

#include <filesystem>

#include "shared/blobs/signed_url.h"
#include "shared/blobs/store.h"
#include "shared/ids.h"

namespace worldshare::blobs {
namespace {

class StoreTest : public testing::Test {
 protected:
  void TearDown() override { std::filesystem::remove_all(root_); }
  std::size_t files() const {
    std::size_t count = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(root_)) {
      count += entry.is_regular_file();
    }
    return count;
  }
  std::filesystem::path root_ = std::filesystem::temp_directory_path() / ("ws-blobs-" + new_id());
  Store store_ = *Store::open(root_);
  std::string sha_ = to_hex(sha256(as_bytes("pixels")));
};

TEST_F(StoreTest, ABlobIsThereAfterCommitOnly) {
  {
    auto upload = store_.begin(sha_, 6);
    ASSERT_TRUE(upload);
    ASSERT_TRUE(upload->write(as_bytes("pix")));
    EXPECT_FALSE(store_.size(sha_));
    ASSERT_TRUE(upload->write(as_bytes("els")));
    ASSERT_TRUE(upload->commit());
  }
  EXPECT_EQ(store_.size(sha_), 6U);
  EXPECT_EQ(as_text(*store_.read(sha_, 100)), "pixels");
  EXPECT_EQ(store_.read(sha_, 5).error().code, Errc::kInvalid);
  Bytes storage(100);
  EXPECT_EQ(as_text(*store_.load(sha_, 100, storage)), "pixels");
  storage.clear();
  EXPECT_EQ(as_text(*store_.load(sha_, 6, storage)), "pixels");
  EXPECT_EQ(store_.load(sha_, 5, storage).error().code, Errc::kInvalid);
  EXPECT_EQ(store_.load(std::string(64, '0'), 5, storage).error().code, Errc::kNotFound);
}

TEST_F(StoreTest, RefusesOtherBytesAndLeavesNothing) {
  {
    auto wrong = store_.begin(sha_, 6);
    ASSERT_TRUE(wrong->write(as_bytes("PIXELS")));
    EXPECT_EQ(wrong->commit().error().code, Errc::kCorrupt);
    auto shorter = store_.begin(sha_, 6);
    ASSERT_TRUE(shorter->write(as_bytes("pix")));
    EXPECT_EQ(shorter->commit().error().code, Errc::kCorrupt);
    auto longer = store_.begin(sha_, 6);
    EXPECT_EQ(longer->write(as_bytes("pixels and more")).error().code, Errc::kInvalid);
  }
  EXPECT_EQ(files(), 0U);
}

TEST_F(StoreTest, NoticesADamagedBlob) {
  auto upload = store_.begin(sha_, 6);
  ASSERT_TRUE(upload->write(as_bytes("pixels")) && upload->commit());
  std::filesystem::resize_file(*store_.file(sha_), 5);
  EXPECT_EQ(store_.read(sha_, 100).error().code, Errc::kCorrupt);
}

TEST(UrlSigner, GrantsExactlyWhatItSigned) {
  const UrlSigner signer(std::string(32, 'k'), "http://h:1");
  const std::string sha(64, 'b');
  const Clock::TimePoint now = from_unix_ms(1'000'000);
  const std::string url = signer.sign(Access::kPut, sha, 77, now + std::chrono::seconds(10));
  const std::string query = url.substr(url.find('?') + 1);
  ASSERT_TRUE(signer.check(Access::kPut, sha, query, now));
  EXPECT_EQ(signer.check(Access::kPut, sha, query, now)->size_bytes, 77U);
  EXPECT_FALSE(signer.check(Access::kGet, sha, query, now));
  EXPECT_FALSE(signer.check(Access::kPut, std::string(64, 'c'), query, now));
  EXPECT_FALSE(signer.check(Access::kPut, sha, query + "&size=78", now));
  EXPECT_FALSE(signer.check(Access::kPut, sha, query, now + std::chrono::seconds(11)));
  EXPECT_FALSE(signer.check(Access::kPut, sha, "", now));
  EXPECT_FALSE(UrlSigner(std::string(32, 'x'), "").check(Access::kPut, sha, query, now));
}

}  // namespace
}  // namespace worldshare::blobs
