#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "shared/blobs/backend.h"
#include "shared/bytes.h"
#include "shared/crypto.h"
#include "shared/result.h"

namespace worldshare::blobs {

/// Content-addressed, immutable bytes. A blob is visible whole or not at all, and what is visible
/// had the hash of its name. A handle: copies are the same store. Thread-safe, and safe between
/// processes. All methods block; errors as Backend.
class Store {
 public:
  /// In a directory of this machine.
  static Result<Store> open(const std::filesystem::path& root);
  explicit Store(std::shared_ptr<const Backend> backend) : backend_(std::move(backend)) {}

  /// kNotFound when the blob is not there.
  Result<std::uint64_t> size(const std::string& sha256) const;
  /// The bytes, checked against the name: kNotFound, kCorrupt, kInvalid when larger than
  /// `limit_bytes`.
  Result<Bytes> read(const std::string& sha256, std::uint64_t limit_bytes) const;
  /// The bytes as they lie there, in `storage`, which grows as needed and may be used again. Those
  /// of a directory are not hashed: commit() did that once, so who calls has checksums of its own
  /// in them, or does without. Those that came over a network are. Errors as read().
  Result<ByteView> load(const std::string& sha256, std::uint64_t limit_bytes, Bytes& storage) const;
  /// A file with the bytes, to read at once and never to change: the blob itself, or a copy that
  /// may be gone a minute after it was asked for last. kNotFound, kCorrupt.
  Result<std::filesystem::path> file(const std::string& sha256) const;

  /// An upload in progress. Dropped without commit() it leaves nothing.
  class Upload {
   public:
    /// kInvalid once more than the announced size has come.
    Result<> write(ByteView bytes);
    /// kCorrupt when size or hash are not the announced ones; nothing is stored then.
    Result<> commit();

   private:
    friend class Store;
    Upload() = default;
    std::string sha256_;
    std::uint64_t expected_bytes_ = 0;
    std::uint64_t written_bytes_ = 0;
    Sha256 hash_;
    std::unique_ptr<Backend::Sink> sink_;
  };
  Result<Upload> begin(const std::string& sha256, std::uint64_t size_bytes) const;
  /// Stores the bytes of this name, unless they are there. Errors as commit().
  Result<> keep(const std::string& sha256, ByteView bytes) const;
  /// Takes a file for the blob; it is gone afterwards. kCorrupt when it hashes to something else.
  Result<> adopt(const std::string& sha256, const std::filesystem::path& file) const;

  /// The way to the bytes past the gateway, where the backend has one.
  std::optional<Grant> grant_get(const std::string& sha256, std::chrono::seconds lifetime) const;
  /// A way to hand in the bytes that `lease` committed to: one place for each lease, so that
  /// whoever holds it can fill no more than that. They are no blob before admit().
  std::optional<Grant> grant_put(const std::string& sha256,
                                 std::uint64_t size_bytes,
                                 const std::string& lease,
                                 std::chrono::seconds lifetime) const;
  /// Makes what a lease handed in a blob, if it is what it should be. Only looked at where the
  /// gateway took it, or when the blob is there. kNotFound: nothing was handed in; kCorrupt: it
  /// was something else.
  Result<> admit(const std::string& sha256,
                 std::uint64_t size_bytes,
                 const std::string& lease) const;

  /// Up to `limit` blobs whose names come behind `after`, in their order.
  Result<std::vector<Backend::Listed>> list(const std::string& after, std::size_t limit) const;
  Result<Backend::Listed> stat(const std::string& sha256) const;
  /// Nothing happens when it is not there.
  Result<> remove(const std::string& sha256) const;
  /// Drops what uploads left that nobody finished since; how many there were.
  Result<std::uint64_t> drop_leftovers(Clock::TimePoint before) const;
  /// Empty when blobs can be read and written, else why not, for people.
  std::string trouble() const { return backend_->trouble(); }

 private:
  std::shared_ptr<const Backend> backend_;
};

}  // namespace worldshare::blobs
