#include <zlib.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "shared/image/bundle.h"
#include "shared/image/canonical.h"
#include "shared/image/header.h"

// Headers, canonical form and bundles of any bytes: no crash, and the promises of the headers hold.

namespace {

constexpr std::size_t kPngMagicBytes = 8;
constexpr std::size_t kChunkFrameBytes = 12;

std::uint32_t read_big(const std::uint8_t* at) {
  return std::uint32_t{at[0]} << 24 | std::uint32_t{at[1]} << 16 | std::uint32_t{at[2]} << 8 |
         at[3];
}

/// Corrects the checksums of a PNG, which a mutation would hardly ever hit.
void repair_checksums(std::uint8_t* data, std::size_t size) {
  std::size_t at = kPngMagicBytes;
  while (size - at >= kChunkFrameBytes) {
    const std::size_t length = read_big(data + at);
    if (length > size - at - kChunkFrameBytes) return;
    const auto sum = crc32_z(0, data + at + 4, length + 4);
    std::uint8_t* out = data + at + 8 + length;
    for (int i = 0; i < 4; ++i) out[i] = static_cast<std::uint8_t>(sum >> (24 - 8 * i));
    at += length + kChunkFrameBytes;
  }
}

/// What is taken for a bundle is the one that its images make.
void check_bundle(worldshare::ByteView bytes) {
  namespace image = worldshare::image;
  constexpr std::size_t kCountAt = 4;
  if (bytes.size() <= kCountAt) return;
  const auto images = image::unbundle(bytes, bytes[kCountAt]);
  if (!images) return;
  std::vector<worldshare::Bytes> copies;
  for (const auto view : *images) copies.emplace_back(view.begin(), view.end());
  WS_CHECK(std::ranges::equal(image::bundle(copies), bytes), "a bundle has one form");
}

}  // namespace

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max_size);

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data,
                                               std::size_t size,
                                               std::size_t max_size,
                                               unsigned seed) {
  size = LLVMFuzzerMutate(data, size, max_size);
  if (size > kPngMagicBytes && data[0] == 0x89 && seed % 4 != 0) repair_checksums(data, size);
  return size;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace image = worldshare::image;
  const worldshare::ByteView bytes(data, size);
  check_bundle(bytes);
  const auto header = image::read_header(bytes);
  const auto clean = image::canonical(bytes);
  if (!clean) {
    WS_CHECK(!image::check_canonical(bytes), "what has no canonical form is not canonical");
    return 0;
  }
  WS_CHECK(header.has_value(), "what has a canonical form has a header");
  WS_CHECK(image::check_canonical(*clean).has_value(), "the canonical form is canonical");
  WS_CHECK(image::canonical(*clean).value() == *clean, "canonical() is idempotent");
  const auto clean_header = image::read_header(*clean);
  WS_CHECK(clean_header && clean_header->width == header->width &&
               clean_header->height == header->height && clean_header->channels == header->channels,
           "the canonical form is the same picture");
  const bool unchanged = clean->size() == size && std::equal(clean->begin(), clean->end(), data);
  WS_CHECK(unchanged == image::check_canonical(bytes).has_value(),
           "check_canonical() says whether canonical() changes anything");
  return 0;
}
