#include "verifier/bench_pictures.h"

#include <fmt/format.h>

#include <utility>

#include "shared/crypto.h"
#include "shared/ids.h"

namespace worldshare::verifier {

namespace fs = std::filesystem;

Picture bench_picture(std::uint32_t seed) {
  Picture out({kBenchWidth, kBenchHeight, 3, Depth::kU8});
  std::uint32_t state = seed * 2654435761U + 1;
  for (std::uint32_t y = 0; y < kBenchHeight; ++y) {
    auto* row = out.row<std::uint8_t>(y);
    for (std::uint32_t x = 0; x < 3 * kBenchWidth; ++x) {
      state = state * 1664525U + 1013904223U;
      row[x] = static_cast<std::uint8_t>((x / 12 + y / 7) % 200 + (state >> 30U));
    }
  }
  return out;
}

Result<std::string> put_blob(const blobs::Store& store, ByteView bytes) {
  const std::string name = to_hex(sha256(bytes));
  auto upload = store.begin(name, bytes.size());
  if (!upload) return std::unexpected(upload.error());
  if (auto ok = upload->write(bytes); !ok) return std::unexpected(ok.error());
  if (auto ok = upload->commit(); !ok) return std::unexpected(ok.error());
  return name;
}

Result<BenchStore> BenchStore::open() {
  const fs::path folder = fs::temp_directory_path() / ("worldshare-bench-" + new_id());
  auto store = blobs::Store::open(folder);
  if (!store) return std::unexpected(store.error());
  return BenchStore(folder, std::move(*store));
}

BenchStore::BenchStore(BenchStore&& other) noexcept
    : folder_(std::exchange(other.folder_, {})), store_(other.store_) {}

BenchStore::~BenchStore() {
  std::error_code ignored;
  if (!folder_.empty()) fs::remove_all(folder_, ignored);
}

}  // namespace worldshare::verifier
