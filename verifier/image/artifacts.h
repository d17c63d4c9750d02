#pragma once

#include <cstdint>
#include <list>
#include <mutex>
#include <string>
#include <unordered_map>

#include "shared/blobs/store.h"
#include "verifier/image/decode.h"
#include "verifier/image/known_artifacts.h"
#include "verifier/image/memory_budget.h"
#include "verifier/image/picture_memory.h"

namespace worldshare::verifier {

struct ArtifactOptions {
  std::uint64_t file_bytes = 512ULL << 20;  ///< of an image file at most
  std::uint64_t cache_bytes = 1ULL << 30;   ///< of decoded images that are kept
  /// In use by all threads at once. Less than the largest image of a job makes that image kDenied;
  /// see decoding_bytes().
  std::uint64_t decoding_bytes = 8ULL << 30;
  std::size_t known = 65'536;  ///< artifacts whose examination is remembered
};

/// What a thread keeps at most of the memory of the files that it read, twice.
inline constexpr std::size_t kKeptFileBytes = 32U << 20;

/// The artifacts of a blob store as the trust engine sees them: examined, compared, proven and
/// decoded, each no oftener than needed. However many threads ask, it takes no more memory than the
/// options say; pictures that callers hold on to are theirs to bound. PNG files are not hashed
/// again: the store did that when they came, and their chunks have checksums. Thread-safe.
///
/// All methods wait for their turn when others use the memory. Errors: kNotFound, kUnavailable and
/// kInvalid as blobs::Store::load(); as decode() when the bytes are at fault; kDenied as
/// MemoryBudget::take().
class Artifacts {
 public:
  /// Images are decoded into `memory`, which must outlive them, or onto the heap.
  Artifacts(blobs::Store store, const ArtifactOptions& options, PictureMemory* memory = nullptr);

  /// Whether the artifact is what `limits` ask for as far as its structure tells: what remains is
  /// damage within the compressed pixels. Formats without such a structure are decoded.
  Result<> examine(const std::string& sha256, const ImageLimits& limits);
  /// Whether get() would succeed, at most one inflation for each artifact.
  Result<> prove(const std::string& sha256, const ImageLimits& limits);
  /// same_payload() of two artifacts.
  Result<bool> same_payload(const std::string& a, const std::string& b, const ImageLimits& limits);
  Result<Picture> get(const std::string& sha256, const ImageLimits& limits);
  const blobs::Store& store() const { return store_; }

 private:
  struct Entry {
    std::string key;
    Picture image;
  };
  template <class Use>
  auto with_file(const std::string& sha256,
                 const ImageLimits& limits,
                 std::uint64_t memory_bytes,
                 Use use) -> decltype(use(ByteView{}));
  Result<ByteView> load(const std::string& sha256, image::Format format, Bytes& storage) const;
  std::uint64_t file_size(const std::string& sha256) const;
  bool find(const std::string& key, Picture& out);
  void keep(const std::string& key, const Picture& image);

  const blobs::Store store_;
  const ArtifactOptions options_;
  PictureMemory* const memory_;  ///< null: the heap
  std::mutex mutex_;
  std::list<Entry> entries_;  ///< latest first; guarded by mutex_
  std::unordered_map<std::string, std::list<Entry>::iterator> index_;  ///< guarded by mutex_
  std::uint64_t held_bytes_ = 0;                                       ///< guarded by mutex_
  MemoryBudget decoding_;
  KnownArtifacts known_;
};

}  // namespace worldshare::verifier
