#include "verifier/image/same_payload.h"

#include <algorithm>
#include <cstring>

#include "shared/image/canonical.h"
#include "shared/image/png_parts.h"

namespace worldshare::verifier {
namespace {

bool same_layout(const image::PngParts& a, const image::PngParts& b) {
  return a.header.width == b.header.width && a.header.height == b.header.height &&
         a.bit_depth == b.bit_depth && a.colour_type == b.colour_type &&
         a.interlaced == b.interlaced && std::ranges::equal(a.palette, b.palette) &&
         std::ranges::equal(a.transparency, b.transparency);
}

/// Pieces of a stream from front to back.
class Stream {
 public:
  explicit Stream(const std::vector<ByteView>& pieces) : pieces_(pieces) { skip_empty(); }
  /// What is left of the present piece; empty at the end.
  ByteView front() const { return rest_; }
  void advance(std::size_t bytes) {
    rest_ = rest_.subspan(bytes);
    skip_empty();
  }

 private:
  void skip_empty() {
    while (rest_.empty() && next_ < pieces_.size()) rest_ = pieces_[next_++];
  }
  const std::vector<ByteView>& pieces_;
  std::size_t next_ = 0;
  ByteView rest_;
};

bool same_stream(const std::vector<ByteView>& pieces_a, const std::vector<ByteView>& pieces_b) {
  Stream a(pieces_a);
  Stream b(pieces_b);
  while (!a.front().empty() && !b.front().empty()) {
    const std::size_t size = std::min(a.front().size(), b.front().size());
    if (std::memcmp(a.front().data(), b.front().data(), size) != 0) return false;
    a.advance(size);
    b.advance(size);
  }
  return a.front().empty() && b.front().empty();
}

Result<bool> same_png(ByteView file_a, ByteView file_b) {
  const auto a = image::read_png(file_a);
  if (!a) return std::unexpected(a.error());
  const auto b = image::read_png(file_b);
  if (!b) return std::unexpected(b.error());
  return same_layout(*a, *b) && same_stream(a->data, b->data);
}

}  // namespace

Result<bool> same_payload(ByteView a, ByteView b) {
  const auto header_a = image::read_header(a);
  if (!header_a) return std::unexpected(header_a.error());
  const auto header_b = image::read_header(b);
  if (!header_b) return std::unexpected(header_b.error());
  if (header_a->format != header_b->format) return false;
  if (header_a->format == image::Format::kPng) return same_png(a, b);
  const auto clean_a = image::canonical(a);
  if (!clean_a) return std::unexpected(clean_a.error());
  const auto clean_b = image::canonical(b);
  if (!clean_b) return std::unexpected(clean_b.error());
  return *clean_a == *clean_b;
}

}  // namespace worldshare::verifier
