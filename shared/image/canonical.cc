#include "shared/image/canonical.h"

#include <algorithm>

#include "shared/image/byte_reader.h"
#include "shared/image/container.h"

namespace worldshare::image {
namespace {

Result<Layout> layout(ByteView image) {
  const auto header = read_header(image);
  if (!header) return std::unexpected(header.error());
  switch (header->format) {
    case Format::kPng: return png_layout(image);
    case Format::kJpeg: return jpeg_layout(image);
    case Format::kExr: return exr_layout(image);
  }
  return fail(Errc::kInternal, "unknown image format");
}

/// The offsets count from the file's begin, so they shrink by what was removed in front of the
/// chunks.
void shift_offsets(Bytes& out, std::size_t table, std::size_t entries, std::uint64_t shift) {
  for (std::size_t entry = 0; entry < entries; ++entry) {
    const std::size_t at = table + entry * 8;
    ByteReader reader(ByteView(out).subspan(at, 8));
    const std::uint64_t offset = *reader.u64_little() - shift;
    for (std::size_t i = 0; i < 8; ++i) out[at + i] = static_cast<std::uint8_t>(offset >> (8 * i));
  }
}

}  // namespace

Result<Bytes> canonical(ByteView image) {
  const auto parts = layout(image);
  if (!parts) return std::unexpected(parts.error());
  Bytes out;
  out.reserve(image.size());
  for (const ByteView part : parts->kept) out.insert(out.end(), part.begin(), part.end());
  if (parts->table_position != 0) {
    const std::size_t removed = image.size() - out.size();
    shift_offsets(out, parts->table_position - removed, parts->table_entries, removed);
  }
  return out;
}

Result<> check_canonical(ByteView image) {
  const auto parts = layout(image);
  if (!parts) return std::unexpected(parts.error());
  if (parts->dropped.empty()) return {};
  return fail(Errc::kInvalid, "the image carries " + parts->dropped);
}

}  // namespace worldshare::image
