#pragma once

#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "shared/result.h"

namespace worldshare::agent {

/// Scenes on disk, named by their SHA-256: <folder>/<sha256>.blend. The least recently used go
/// first when the limit is reached; one that is held never goes. Thread-safe; one process per
/// folder.
class SceneCache {
 public:
  /// Keeps a scene on disk while it lives. Must not outlive the cache. Movable.
  class Hold {
   public:
    Hold(Hold&& other) noexcept;
    Hold& operator=(Hold&& other) noexcept;
    ~Hold();
    const std::filesystem::path& path() const { return path_; }

   private:
    friend class SceneCache;
    Hold(SceneCache* cache, std::string sha256, std::filesystem::path path);
    SceneCache* cache_;
    std::string sha256_;
    std::filesystem::path path_;
  };

  /// How much may still be written to the folder's disk.
  using DiskRoom = std::function<std::uint64_t()>;

  /// Takes over what an earlier run left in `folder`.
  static Result<std::unique_ptr<SceneCache>> open(const std::filesystem::path& folder,
                                                  std::uint64_t limit_bytes,
                                                  DiskRoom disk_room);

  /// Writes the scene's bytes to the file that it is given.
  using Download = std::function<Result<>(const std::filesystem::path& part)>;

  /// The scene, downloaded when it is not there; a second caller for the same scene waits for the
  /// first. Errors: of `download`, kCorrupt when the bytes are not the ones named, kInvalid when it
  /// is larger than the whole cache, kDenied when this machine's disk has no room for it, though
  /// what nobody holds goes for it; the message says what to do.
  Result<Hold> get(const std::string& sha256, std::uint64_t size_bytes, const Download& download);

  /// Gives back at least so much of the disk if what is not in use has it; the least recently used
  /// go first.
  void free_up(std::uint64_t bytes);

  /// The names, most recently used first.
  std::vector<std::string> list() const;

 private:
  struct Entry {
    std::uint64_t size_bytes = 0;
    std::uint64_t last_used = 0;  ///< grows
    unsigned holds = 0;
    bool verified = false;  ///< in this run
  };
  SceneCache(std::filesystem::path folder, std::uint64_t limit_bytes, DiskRoom disk_room)
      : folder_(std::move(folder)), limit_bytes_(limit_bytes), disk_room_(std::move(disk_room)) {}
  void scan();
  Result<> fetch(const std::string& sha256, std::uint64_t size_bytes, const Download& download);
  Result<> make_room(const std::string& sha256, std::uint64_t size_bytes);
  Result<> make_disk_room_locked(const std::string& sha256, std::uint64_t size_bytes);
  std::uint64_t awaited_bytes_locked(const std::string& but) const;
  bool may_go_locked(const std::string& sha256, const Entry& entry) const;
  std::unexpected<Error> no_disk_room(std::uint64_t size_bytes) const;
  /// Removes the least recently used scene that nobody holds; its size, nothing when there is none.
  std::optional<std::uint64_t> drop_oldest_locked();
  Hold hold_locked(const std::string& sha256);
  void release(const std::string& sha256);
  void free_up_locked(std::uint64_t bytes);
  std::filesystem::path path(const std::string& sha256) const;
  std::filesystem::path part(const std::string& sha256) const;

  const std::filesystem::path folder_;
  const std::uint64_t limit_bytes_;
  const DiskRoom disk_room_;
  mutable std::mutex mutex_;
  std::condition_variable fetched_;
  std::map<std::string, Entry> entries_;           // by mutex_
  std::map<std::string, std::uint64_t> fetching_;  // by mutex_: sizes of downloads under way
  std::uint64_t clock_ = 0;                        // by mutex_
};

}  // namespace worldshare::agent
