#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "shared/bytes.h"
#include "shared/crypto.h"
#include "shared/result.h"

namespace worldshare::blobs {

/// Content-addressed, immutable bytes in a directory: <root>/<first 2 hex digits>/<sha256>. A blob
/// is visible whole or not at all. Thread-safe, and safe between processes.
class Store {
 public:
  static Result<Store> open(const std::filesystem::path& root);

  /// Size, or nothing when the blob is not there.
  std::optional<std::uint64_t> size(const std::string& sha256) const;
  std::filesystem::path path(const std::string& sha256) const;
  /// The bytes, checked against the name: kNotFound, kCorrupt, kInvalid when larger than
  /// `limit_bytes`.
  Result<Bytes> read(const std::string& sha256, std::uint64_t limit_bytes) const;
  /// The bytes as they lie there, in `storage`, which grows as needed and may be used again. They
  /// are not hashed: commit() did that once, so who calls has checksums of its own in them, or does
  /// without. Errors as read(), less kCorrupt.
  Result<ByteView> load(const std::string& sha256, std::uint64_t limit_bytes, Bytes& storage) const;

  /// An upload in progress. Dropped without commit() it leaves nothing.
  class Upload {
   public:
    Upload(Upload&&) noexcept;
    Upload& operator=(Upload&&) = delete;
    ~Upload();
    /// kInvalid once more than the announced size has come.
    Result<> write(ByteView bytes);
    /// kCorrupt when size or hash are not the announced ones; nothing is stored then.
    Result<> commit();

   private:
    friend class Store;
    Upload() = default;
    std::filesystem::path part_;
    std::filesystem::path target_;
    std::string sha256_;
    std::uint64_t expected_bytes_ = 0;
    std::uint64_t written_bytes_ = 0;
    Sha256 hash_;
    int fd_ = -1;
  };
  Result<Upload> begin(const std::string& sha256, std::uint64_t size_bytes) const;

 private:
  explicit Store(std::filesystem::path root) : root_(std::move(root)) {}
  std::filesystem::path root_;
};

}  // namespace worldshare::blobs
