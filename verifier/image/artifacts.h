#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

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

struct ArtifactPair {
  bool same_payload = false;
  Result<Picture> a;  ///< empty when the payload is the same
  Result<Picture> b;
};

/// A blob.
struct StoredImage {
  std::string sha256;
  std::uint64_t size_bytes = 0;
};

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
  Result<Picture> get(const std::string& sha256, const ImageLimits& limits);
  /// Two artifacts that are not one blob, each file read once: whether their payload is the same
  /// and, only if it is not, their pictures. The error is one that says nothing of either.
  Result<ArtifactPair> get_pair(const std::string& a,
                                const std::string& b,
                                const ImageLimits& limits);
  /// The same of two bundles: `use` is called with the pictures of each of their frames, one pair
  /// after the other, until it answers with an error, which is returned.
  Result<> get_pairs(const std::string& a,
                     const std::string& b,
                     const ImageLimits& limits,
                     const std::function<Result<>(ArtifactPair)>& use);
  /// The pictures of a bundle as blobs of their own, in the order of its frames.
  Result<std::vector<StoredImage>> unpack(const std::string& sha256, const ImageLimits& limits);
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
  template <class Use>
  auto with_files(const std::string& a, const std::string& b, const ImageLimits& limits, Use use)
      -> decltype(use(ByteView{}, ByteView{}));
  Result<ByteView> load(const std::string& sha256, image::Format format, Bytes& storage) const;
  std::uint64_t file_size(const std::string& sha256) const;
  Result<Picture> decoded(ByteView bytes, const std::string& key, const ImageLimits& limits);
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
