#include "verifier/image/foreign_picture.h"

#include "shared/image/canonical.h"
#include "verifier/image/decode.h"

namespace worldshare::verifier {

Result<Picture> foreign_picture(ByteView file, std::uint64_t pixel_bytes) {
  const auto bytes = image::canonical(file);
  if (!bytes) return std::unexpected(bytes.error());
  const auto header = image::read_header(*bytes);
  if (!header) return std::unexpected(header.error());
  return decode(*bytes, {header->format, header->width, header->height, pixel_bytes});
}

}  // namespace worldshare::verifier
