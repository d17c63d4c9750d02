#include "verifier/image/pixel_identity.h"

#include <array>

#include "shared/image/canonical.h"
#include "shared/image/png_parts.h"

namespace worldshare::verifier {
namespace {

void add_number(Sha256& hash, std::uint64_t value) {
  std::array<std::uint8_t, 8> bytes{};
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<std::uint8_t>(value >> (8 * i));
  }
  hash.update(bytes);
}

/// With its length, so that bytes cannot move from one part into the next.
void add_part(Sha256& hash, ByteView part) {
  add_number(hash, part.size());
  hash.update(part);
}

Result<Digest> identity_of_png(ByteView file) {
  const auto parts = image::read_png(file);
  if (!parts) return std::unexpected(parts.error());
  Sha256 hash;
  hash.update(as_bytes("worldshare pixels png 1"));
  add_number(hash, parts->header.width);
  add_number(hash, parts->header.height);
  add_number(hash, parts->bit_depth);
  add_number(hash, parts->colour_type);
  add_number(hash, parts->interlaced ? 1 : 0);
  add_part(hash, parts->palette);
  add_part(hash, parts->transparency);
  for (const ByteView data : parts->data) hash.update(data);
  return hash.finish();
}

Result<Digest> identity_of_canonical(ByteView file) {
  const auto clean = image::canonical(file);
  if (!clean) return std::unexpected(clean.error());
  Sha256 hash;
  hash.update(as_bytes("worldshare pixels canonical 1"));
  hash.update(*clean);
  return hash.finish();
}

}  // namespace

Result<Digest> pixel_identity(ByteView file) {
  const auto header = image::read_header(file);
  if (!header) return std::unexpected(header.error());
  return header->format == image::Format::kPng ? identity_of_png(file)
                                               : identity_of_canonical(file);
}

}  // namespace worldshare::verifier
