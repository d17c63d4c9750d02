#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <fstream>
#include <thread>

#include "shared/blobs/partial_uploads.h"
#include "shared/blobs/store.h"
#include "shared/crypto.h"
#include "shared/files.h"
#include "tests/support/s3_server.h"

// What a blob store promises, asked of both backends.

namespace worldshare::blobs {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

constexpr std::size_t kPart = 5U << 20U;

std::string name_of(const std::string& bytes) { return to_hex(sha256(as_bytes(bytes))); }

/// Bytes that no two pieces of share.
std::string much(std::size_t size, char salt = 'a') {
  std::string out(size, salt);
  for (std::size_t i = 0; i + 8 < size; i += 4096) std::memcpy(out.data() + i, &i, sizeof i);
  return out;
}

class BlobStore : public ::testing::TestWithParam<const char*> {
 protected:
  BlobStore() : store_(open()) {}
  bool is_s3() const { return std::string(GetParam()) == "s3"; }
  /// As another process would see it: nothing is remembered.
  Store open() {
    if (!is_s3()) return Store::open(folder_.path() / "blobs").value();
    static worldshare::testing::S3Server server;
    server_ = &server;
    auto settings = server.settings(folder_.path() / ("copies-" + std::to_string(++opened_)));
    settings.s3_prefix = "farm" + folder_.path().filename().string() + "/";
    settings.s3_part_bytes = kPart;
    prefix_ = settings.s3_prefix;
    return settings.open().value();
  }
  Result<> put(const std::string& bytes, const std::string& name) const {
    auto upload = store_.begin(name, bytes.size());
    if (!upload) return std::unexpected(upload.error());
    if (auto ok = upload->write(as_bytes(bytes)); !ok) return ok;
    return upload->commit();
  }
  Result<> put(const std::string& bytes) const { return put(bytes, name_of(bytes)); }
  std::string read(const Store& store, const std::string& name) const {
    const auto bytes = store.read(name, 1U << 30U);
    return bytes ? std::string(as_text(*bytes)) : bytes.error().message;
  }
  /// Behind the store's back.
  void damage(const std::string& name, const std::string& bytes) const {
    if (is_s3()) {
      ASSERT_TRUE(server_->client().put(prefix_ + "blobs/" + name, as_bytes(bytes)));
    } else {
      ASSERT_TRUE(write_file_atomically(*store_.file(name), bytes));
    }
  }

  worldshare::testing::TempFolder folder_;
  worldshare::testing::S3Server* server_ = nullptr;
  std::string prefix_;
  int opened_ = 0;
  Store store_;
};

TEST_P(BlobStore, WhatIsPutIsThereForEverybody) {
  const std::string name = name_of("pixels");
  EXPECT_EQ(store_.size(name).error().code, Errc::kNotFound);
  ASSERT_TRUE(put("pixels"));
  const Store other = open();
  EXPECT_EQ(other.size(name).value(), 6U);
  EXPECT_EQ(read(other, name), "pixels");
  Bytes storage;
  EXPECT_EQ(as_text(other.load(name, 100, storage).value()), "pixels");
  EXPECT_EQ(read_file(other.file(name).value(), 100).value(), "pixels");
  ASSERT_TRUE(put("pixels")) << "again is no error";
  EXPECT_EQ(store_.trouble(), "");
}

TEST_P(BlobStore, WhatIsMissingIsNotFound) {
  const std::string name = name_of("nobody put this");
  Bytes storage;
  EXPECT_EQ(store_.size(name).error().code, Errc::kNotFound);
  EXPECT_EQ(store_.read(name, 10).error().code, Errc::kNotFound);
  EXPECT_EQ(store_.load(name, 10, storage).error().code, Errc::kNotFound);
  EXPECT_EQ(store_.file(name).error().code, Errc::kNotFound);
  EXPECT_EQ(store_.stat(name).error().code, Errc::kNotFound);
  EXPECT_EQ(store_.admit(name, 10, "lease").error().code, Errc::kNotFound);
  EXPECT_TRUE(store_.remove(name));
}

TEST_P(BlobStore, TakesNothingButWhatItsNameSays) {
  const std::string name = name_of("pixels");
  EXPECT_EQ(put("pixelz", name).error().code, Errc::kCorrupt);
  auto shorter = store_.begin(name, 6);
  ASSERT_TRUE(shorter->write(as_bytes("pix")));
  EXPECT_EQ(shorter->commit().error().code, Errc::kCorrupt);
  auto longer = store_.begin(name, 6);
  EXPECT_EQ(longer->write(as_bytes("pixels and more")).error().code, Errc::kInvalid);
  const fs::path file = folder_.path() / "file";
  ASSERT_TRUE(write_file_atomically(file, "other"));
  EXPECT_EQ(store_.adopt(name, file).error().code, Errc::kCorrupt);
  EXPECT_EQ(store_.size(name).error().code, Errc::kNotFound);
}

TEST_P(BlobStore, WhatIsLargerThanAskedForIsNotRead) {
  ASSERT_TRUE(put("pixels"));
  const Store other = open();
  Bytes storage;
  EXPECT_EQ(other.read(name_of("pixels"), 5).error().code, Errc::kInvalid);
  EXPECT_EQ(other.load(name_of("pixels"), 5, storage).error().code, Errc::kInvalid);
  EXPECT_EQ(as_text(other.load(name_of("pixels"), 6, storage).value()), "pixels");
}

TEST_P(BlobStore, DamageIsFound) {
  ASSERT_TRUE(put("pixels"));
  damage(name_of("pixels"), "pixelz");
  EXPECT_EQ(open().read(name_of("pixels"), 10).error().code, Errc::kCorrupt);
}

TEST_P(BlobStore, TakesBlobsOfManyPartsAndRangesOfThem) {
  const std::string bytes = much(2 * kPart + 12345);
  const std::string name = name_of(bytes);
  auto upload = store_.begin(name, bytes.size());
  ASSERT_TRUE(upload);
  for (std::size_t at = 0; at < bytes.size(); at += 100'000) {
    ASSERT_TRUE(upload->write(as_bytes(std::string_view(bytes).substr(at, 100'000))));
    EXPECT_FALSE(store_.size(name)) << "not before it is all there";
  }
  ASSERT_TRUE(upload->commit());
  const Store other = open();
  EXPECT_EQ(other.size(name).value(), bytes.size());
  EXPECT_TRUE(read(other, name) == bytes);
  std::ifstream file(other.file(name).value(), std::ios::binary);
  file.seekg(kPart - 5);
  std::string range(10, '\0');
  file.read(range.data(), 10);
  EXPECT_EQ(range, bytes.substr(kPart - 5, 10));
}

TEST_P(BlobStore, ABlobOfExactlyItsPartsHasNoEmptyOne) {
  const std::string bytes = much(2 * kPart);
  ASSERT_TRUE(put(bytes));
  EXPECT_TRUE(read(open(), name_of(bytes)) == bytes);
}

TEST_P(BlobStore, AdoptsAFinishedUpload) {
  const std::string bytes = much(kPart + 777);
  const auto uploads = PartialUploads::open(store_, folder_.path() / "resume").value();
  ASSERT_TRUE(uploads.create("anna", name_of(bytes), bytes.size()));
  auto append = uploads.append("anna", name_of(bytes), 0);
  ASSERT_TRUE(append->write(as_bytes(bytes)));
  ASSERT_TRUE(append->finish());
  EXPECT_TRUE(read(open(), name_of(bytes)) == bytes);
  EXPECT_FALSE(uploads.state("anna", name_of(bytes)));
  EXPECT_TRUE(fs::is_empty(folder_.path() / "resume"));
}

TEST_P(BlobStore, ManyMayPutAndReadTheSameAtOnce) {
  const std::string bytes = much(300'000);
  std::vector<std::jthread> threads;
  std::atomic<int> wrong = 0;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] {
      const std::string own = much(1000, static_cast<char>('b' + i));
      if (!put(bytes) || !put(own)) ++wrong;
      const Store& reader = store_;
      if (read(reader, name_of(bytes)) != bytes || read(reader, name_of(own)) != own) ++wrong;
    });
  }
  threads.clear();
  EXPECT_EQ(wrong, 0);
}

TEST_P(BlobStore, AnUploadThatIsDroppedLeavesNothing) {
  const std::string bytes = much(2 * kPart);
  const std::string name = name_of(bytes);
  {
    auto upload = store_.begin(name, bytes.size());
    ASSERT_TRUE(upload->write(as_bytes(std::string_view(bytes).substr(0, kPart + 1))));
  }
  EXPECT_EQ(store_.size(name).error().code, Errc::kNotFound);
  EXPECT_EQ(store_.drop_leftovers(SystemClock().now() + 1h).value(), 0U);
}

TEST_P(BlobStore, AnUploadOfAKilledProcessIsNoBlob) {
  const std::string bytes = much(2 * kPart);
  const std::string name = name_of(bytes);
  const pid_t child = ::fork();
  if (child == 0) {
    auto upload = store_.begin(name, bytes.size());
    const bool ok = upload && upload->write(as_bytes(std::string_view(bytes).substr(0, kPart + 1)));
    if (ok) ::kill(::getpid(), SIGKILL);
    ::_exit(1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(store_.size(name).error().code, Errc::kNotFound);
  EXPECT_EQ(store_.drop_leftovers(SystemClock().now() - 1h).value(), 0U) << "it may still go on";
  // The server of the tests cannot list what is unfinished.
  EXPECT_EQ(store_.drop_leftovers(SystemClock().now() + 1h).value(), is_s3() ? 0U : 1U);
  ASSERT_TRUE(put(bytes));
  EXPECT_TRUE(read(open(), name) == bytes);
}

TEST_P(BlobStore, ListsWhatItHoldsInOrderAndByPieces) {
  std::vector<std::string> names;
  for (int i = 0; i < 25; ++i) {
    const std::string bytes = "blob " + std::to_string(i);
    ASSERT_TRUE(put(bytes));
    names.push_back(name_of(bytes));
  }
  std::ranges::sort(names);
  std::vector<std::string> found;
  for (std::string after;;) {
    const auto piece = store_.list(after, 10);
    ASSERT_TRUE(piece) << piece.error().message;
    if (piece->empty()) break;
    EXPECT_LE(piece->size(), 10U);
    for (const auto& blob : *piece) {
      found.push_back(blob.sha256);
      EXPECT_EQ(blob.size_bytes, store_.size(blob.sha256).value());
      const auto age = SystemClock().now() - blob.stored_at;
      EXPECT_LT(std::chrono::abs(age), 1min);
    }
    after = piece->back().sha256;
  }
  EXPECT_EQ(found, names);
  ASSERT_TRUE(store_.remove(names[7]));
  EXPECT_EQ(store_.size(names[7]).error().code, Errc::kNotFound);
  EXPECT_EQ(store_.file(names[7]).error().code, Errc::kNotFound);
  EXPECT_EQ(store_.list("", 1000)->size(), 24U);
}

INSTANTIATE_TEST_SUITE_P(Both, BlobStore, ::testing::Values("directory", "s3"), [](const auto& of) {
  return std::string(of.param);
});

}  // namespace
}  // namespace worldshare::blobs
