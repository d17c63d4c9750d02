#include "agents/scenes/scene_cache.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <thread>

#include "shared/crypto.h"
#include "shared/files.h"
#include "tests/support/temp_folder.h"

namespace worldshare::agent {
namespace {

using testing::TempFolder;

std::string name_of(const std::string& bytes) { return to_hex(sha256(as_bytes(bytes))); }

class SceneCacheTest : public ::testing::Test {
 protected:
  void open(std::uint64_t limit) {
    auto opened =
        SceneCache::open(folder_.path() / "scenes", limit, [this] { return room_ - written(); });
    ASSERT_TRUE(opened) << opened.error().message;
    cache_ = std::move(*opened);
  }
  Result<SceneCache::Hold> get(const std::string& bytes) {
    return cache_->get(name_of(bytes), bytes.size(), [&](const std::filesystem::path& part) {
      ++downloads_;
      return write_file_atomically(part, bytes);
    });
  }
  bool has(const std::string& bytes) const {
    return std::filesystem::exists(folder_.path() / "scenes" / (name_of(bytes) + ".blend"));
  }

  std::uint64_t written() const {
    std::uint64_t sum = 0;
    for (const auto& entry : std::filesystem::directory_iterator(folder_.path() / "scenes")) {
      std::error_code gone;
      const auto size = entry.file_size(gone);
      if (!gone) sum += size;
    }
    return std::min<std::uint64_t>(sum, room_);
  }

  TempFolder folder_;
  std::uint64_t room_ = 1ULL << 40;  ///< of the disk
  std::unique_ptr<SceneCache> cache_;
  std::atomic<int> downloads_ = 0;
};

const std::string kA(400, 'a');
const std::string kB(400, 'b');
const std::string kC(400, 'c');

TEST_F(SceneCacheTest, ASceneIsDownloadedOnce) {
  open(1000);
  for (int i = 0; i < 3; ++i) {
    auto hold = get(kA);
    ASSERT_TRUE(hold) << hold.error().message;
    EXPECT_EQ(read_file(hold->path(), 10'000).value_or(""), kA);
    EXPECT_EQ(hold->path().extension(), ".blend");
  }
  EXPECT_EQ(downloads_, 1);
  EXPECT_EQ(cache_->list(), std::vector<std::string>{name_of(kA)});
}

TEST_F(SceneCacheTest, TheLeastRecentlyUsedGoesFirst) {
  open(1000);
  ASSERT_TRUE(get(kA));
  ASSERT_TRUE(get(kB));
  ASSERT_TRUE(get(kA));
  ASSERT_TRUE(get(kC));
  EXPECT_TRUE(has(kA));
  EXPECT_FALSE(has(kB));
  EXPECT_TRUE(has(kC));
  EXPECT_EQ(cache_->list(), (std::vector<std::string>{name_of(kC), name_of(kA)}));
}

TEST_F(SceneCacheTest, AHeldSceneStaysEvenOverTheLimit) {
  open(1000);
  auto a = get(kA);
  auto b = get(kB);
  auto c = get(kC);
  ASSERT_TRUE(a && b && c);
  EXPECT_TRUE(has(kA) && has(kB) && has(kC));
  *a = std::move(*c);
  ASSERT_TRUE(get("d"));
  EXPECT_TRUE(has(kB)) << "still held";
}

TEST_F(SceneCacheTest, WrongBytesAreNotKept) {
  open(1000);
  const auto hold = cache_->get(name_of(kA), kA.size(), [](const std::filesystem::path& part) {
    return write_file_atomically(part, kB);
  });
  ASSERT_FALSE(hold);
  EXPECT_EQ(hold.error().code, Errc::kCorrupt);
  EXPECT_FALSE(has(kA));
  EXPECT_TRUE(cache_->list().empty());
  EXPECT_TRUE(get(kA)) << "and can be fetched again";
}

TEST_F(SceneCacheTest, AFailedDownloadLeavesNothing) {
  open(1000);
  const auto hold = cache_->get(name_of(kA), kA.size(), [](const std::filesystem::path&) {
    return Result<>(fail(Errc::kUnavailable, "gone"));
  });
  ASSERT_FALSE(hold);
  EXPECT_EQ(hold.error().code, Errc::kUnavailable);
  EXPECT_TRUE(std::filesystem::is_empty(folder_.path() / "scenes"));
}

TEST_F(SceneCacheTest, ASceneLargerThanTheCacheIsRefused) {
  open(100);
  EXPECT_EQ(get(kA).error().code, Errc::kInvalid);
  EXPECT_EQ(cache_->get("../etc/passwd", 1, {}).error().code, Errc::kInvalid);
  EXPECT_EQ(downloads_, 0);
}

TEST_F(SceneCacheTest, GivesBackDiskButNotWhatIsInUse) {
  open(100'000);
  ASSERT_TRUE(get(kA));
  auto held = get(kB);
  ASSERT_TRUE(held && get(kC));
  cache_->free_up(1);
  EXPECT_EQ(cache_->list(), (std::vector<std::string>{name_of(kC), name_of(kB)}));
  cache_->free_up(1'000'000);
  EXPECT_EQ(cache_->list(), std::vector<std::string>{name_of(kB)});
  EXPECT_TRUE(std::filesystem::exists(held->path()));
}

TEST_F(SceneCacheTest, AFullDiskIsNotDownloadedTo) {
  room_ = 1000;
  open(100'000);
  ASSERT_TRUE(get(kA));
  {
    auto held = get(kB);
    ASSERT_TRUE(held && get(kA));
    const auto refused = get(std::string(700, 'l'));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::kDenied);
    EXPECT_TRUE(refused.error().message.contains("limits.free_bytes")) << refused.error().message;
    EXPECT_EQ(downloads_, 2);
    EXPECT_TRUE(has(kA)) << "it went in vain";
  }
  EXPECT_TRUE(get(kC)) << "the oldest goes for it";
  EXPECT_FALSE(has(kB));
  EXPECT_TRUE(has(kA));
}

TEST_F(SceneCacheTest, ADownloadThatFillsTheDiskIsTheDisksFault) {
  room_ = 64 << 20;
  open(100'000);
  const auto hold = cache_->get(name_of(kA), kA.size(), [&](const std::filesystem::path& part) {
    room_ = 0;
    std::ofstream(part) << "as much as there was room for";
    return Result<>(fail(Errc::kUnavailable, "no space left on device"));
  });
  ASSERT_FALSE(hold);
  EXPECT_EQ(hold.error().code, Errc::kDenied);
  EXPECT_TRUE(std::filesystem::is_empty(folder_.path() / "scenes"));
}

TEST_F(SceneCacheTest, AnEarlierRunsScenesAreKeptButReadAgain) {
  open(2000);
  ASSERT_TRUE(get(kA));
  ASSERT_TRUE(get(kB));
  cache_.reset();
  std::ofstream(folder_.path() / "scenes" / (name_of(kB) + ".blend")) << "damaged";
  std::ofstream(folder_.path() / "scenes" / "left.part") << "half";
  open(2000);
  EXPECT_EQ(cache_->list().size(), 2U);
  EXPECT_FALSE(std::filesystem::exists(folder_.path() / "scenes" / "left.part"));
  ASSERT_TRUE(get(kA));
  EXPECT_EQ(downloads_, 2);
  auto hold = get(kB);
  ASSERT_TRUE(hold);
  EXPECT_EQ(downloads_, 3);
  EXPECT_EQ(read_file(hold->path(), 10'000).value_or(""), kB);
}

TEST_F(SceneCacheTest, ManyThreadsDownloadASceneOnce) {
  open(100'000);
  std::vector<std::jthread> threads;
  std::atomic<int> good = 0;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      for (const std::string& bytes : {kA, kB, kC}) good += get(bytes) ? 1 : 0;
    });
  }
  threads.clear();
  EXPECT_EQ(good, 24);
  EXPECT_EQ(downloads_, 3);
}

}  // namespace
}  // namespace worldshare::agent
