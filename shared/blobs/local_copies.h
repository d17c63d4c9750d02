#pragma once

#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "shared/result.h"

namespace worldshare::blobs {

/// Blobs of a distant store that lie in a folder here, each hashed when it came. Bounded: those
/// that were not asked for longest go first, but none within a minute. Thread-safe; other processes
/// may use the same folder.
class LocalCopies {
 public:
  static Result<std::unique_ptr<LocalCopies>> open(const std::filesystem::path& folder,
                                                   std::uint64_t limit_bytes);

  /// Writes the blob's bytes to a file.
  using Fetch = std::function<Result<>(const std::filesystem::path& file)>;
  /// The copy; fetched when it is not here, once however many ask. Errors of `fetch`; kCorrupt when
  /// what came has another hash.
  Result<std::filesystem::path> get(const std::string& sha256, const Fetch& fetch);
  /// Takes a file with the blob's bytes, whose hash was checked.
  void keep(const std::string& sha256, const std::filesystem::path& file);
  void drop(const std::string& sha256);

 private:
  LocalCopies(std::filesystem::path folder, std::uint64_t limit_bytes)
      : folder_(std::move(folder)), limit_bytes_(limit_bytes) {}
  Result<std::filesystem::path> fetch_now(const std::string& sha256, const Fetch& fetch);
  void make_room();  // with mutex_ held

  const std::filesystem::path folder_;
  const std::uint64_t limit_bytes_;
  std::mutex mutex_;
  std::condition_variable fetched_;
  std::set<std::string> fetching_;  ///< guarded by mutex_
  std::uint64_t held_bytes_ = 0;    ///< as far as this process knows; guarded by mutex_
};

}  // namespace worldshare::blobs
