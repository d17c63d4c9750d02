#pragma once

#include <cstdint>
#include <list>
#include <mutex>
#include <string>
#include <unordered_map>

#include "shared/blobs/store.h"
#include "verifier/image/decoded_image.h"

namespace worldshare::verifier {

/// Artifacts as decoded images, the latest ones kept. Thread-safe.
class Artifacts {
 public:
  /// `file_bytes` bounds an image file, `cache_bytes` the decoded images that are kept.
  Artifacts(blobs::Store store, std::uint64_t file_bytes, std::uint64_t cache_bytes);

  /// Errors of blobs::Store::read() and decode().
  Result<Picture> get(const std::string& sha256, const ImageLimits& limits);
  const blobs::Store& store() const { return store_; }

 private:
  struct Entry {
    std::string key;
    Picture image;
  };
  bool find(const std::string& key, Picture& out);
  void keep(const std::string& key, const Picture& image);

  const blobs::Store store_;
  const std::uint64_t file_bytes_;
  const std::uint64_t cache_bytes_;
  std::mutex mutex_;
  std::list<Entry> entries_;  ///< latest first; guarded by mutex_
  std::unordered_map<std::string, std::list<Entry>::iterator> index_;  ///< guarded by mutex_
  std::uint64_t held_bytes_ = 0;                                       ///< guarded by mutex_
};

}  // namespace worldshare::verifier
