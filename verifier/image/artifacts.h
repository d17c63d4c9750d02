#pragma once

#include <cstdint>
#include <list>
#include <mutex>
#include <string>
#include <unordered_map>

#include "shared/blobs/store.h"
#include "verifier/image/decode.h"
#include "verifier/image/memory_budget.h"
#include "verifier/image/picture_memory.h"

namespace worldshare::verifier {

/// Artifacts as decoded images, the latest ones kept. However many threads ask, it takes no more
/// than `decoding_bytes` for images that are being decoded and `cache_bytes` for those that are
/// kept; pictures that callers hold on to are theirs to bound. Thread-safe.
class Artifacts {
 public:
  /// `file_bytes` bounds an image file. A budget for decoding that the largest image of a job
  /// exceeds makes that image kDenied; see decoding_bytes(). Images are decoded into `memory`,
  /// which must outlive them, or onto the heap.
  Artifacts(blobs::Store store,
            std::uint64_t file_bytes,
            std::uint64_t cache_bytes,
            std::uint64_t decoding_bytes,
            PictureMemory* memory = nullptr);

  /// Waits for its turn when others are decoding. Errors of blobs::Store::read(), decode() and
  /// MemoryBudget::take().
  Result<Picture> get(const std::string& sha256, const ImageLimits& limits);
  const blobs::Store& store() const { return store_; }

 private:
  struct Entry {
    std::string key;
    Picture image;
  };
  bool find(const std::string& key, Picture& out);
  Result<Picture> read(const std::string& sha256, const ImageLimits& limits);
  void keep(const std::string& key, const Picture& image);

  const blobs::Store store_;
  const std::uint64_t file_bytes_;
  const std::uint64_t cache_bytes_;
  PictureMemory* const memory_;  ///< null: the heap
  std::mutex mutex_;
  std::list<Entry> entries_;  ///< latest first; guarded by mutex_
  std::unordered_map<std::string, std::list<Entry>::iterator> index_;  ///< guarded by mutex_
  std::uint64_t held_bytes_ = 0;                                       ///< guarded by mutex_
  MemoryBudget decoding_;
};

}  // namespace worldshare::verifier
