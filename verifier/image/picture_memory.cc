#include "verifier/image/picture_memory.h"

#include <fmt/format.h>
#include <sys/mman.h>

#include <cstdlib>
#include <cstring>

namespace worldshare::verifier {
namespace {

constexpr std::size_t kHugePageBytes = 2U << 20;
constexpr std::size_t kLargeBytes = 2 * kHugePageBytes;

}  // namespace

std::shared_ptr<std::byte> HeapMemory::take(std::size_t bytes) {
  const bool large = bytes >= kLargeBytes;
  const std::size_t alignment = large ? kHugePageBytes : kRowAlignment;
  const std::size_t whole = (bytes + alignment - 1) / alignment * alignment;
  auto* memory = static_cast<std::byte*>(std::aligned_alloc(alignment, whole));
  // Only advice: without huge pages everything works, slower by a page fault every 4 KiB.
  if (large && memory != nullptr) ::madvise(memory, whole, MADV_HUGEPAGE);
  return {memory, std::free};
}

Result<Picture> new_picture(const Shape& shape, PictureMemory& memory) {
  auto bytes = memory.take(shape.size_bytes());
  if (!bytes) {
    return fail(Errc::kUnavailable,
                fmt::format("no memory for a picture of {} bytes", shape.size_bytes()));
  }
  Picture out(shape, std::move(bytes));
  const std::size_t padding = shape.stride() - shape.row_bytes();
  for (std::uint32_t y = 0; padding != 0 && y < shape.height; ++y) {
    std::memset(out.row<std::byte>(y) + shape.row_bytes(), 0, padding);
  }
  return out;
}

}  // namespace worldshare::verifier
