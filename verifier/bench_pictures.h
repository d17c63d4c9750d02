#pragma once

#include <cstdint>
#include <string>

#include "shared/blobs/store.h"
#include "verifier/image/picture.h"

namespace worldshare::verifier {

inline constexpr std::uint32_t kBenchWidth = 1920;
inline constexpr std::uint32_t kBenchHeight = 1080;

/// A smooth picture of 8-bit RGB with noise in its lower bits, about as large in a file as a
/// rendering; another one for each seed.
Picture bench_picture(std::uint32_t seed);

/// Stores a blob; its name.
Result<std::string> put_blob(const blobs::Store& store, ByteView bytes);

/// A blob store in a folder of its own below the system's temporary one, gone with this object.
class BenchStore {
 public:
  static Result<BenchStore> open();
  BenchStore(BenchStore&& other) noexcept;
  BenchStore& operator=(BenchStore&&) = delete;
  ~BenchStore();
  const blobs::Store& store() const { return store_; }

 private:
  BenchStore(std::filesystem::path folder, blobs::Store store)
      : folder_(std::move(folder)), store_(std::move(store)) {}
  std::filesystem::path folder_;
  blobs::Store store_;
};

}  // namespace worldshare::verifier
