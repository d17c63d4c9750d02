#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>

#include "shared/bytes.h"

namespace worldshare::image {

/// Reads a byte range from front to back and never outside it: what is not there reads as nothing,
/// and the position does not move then. Does not own the bytes.
class ByteReader {
 public:
  explicit ByteReader(ByteView bytes) : bytes_(bytes) {}

  std::size_t position() const { return position_; }
  std::size_t remaining() const { return bytes_.size() - position_; }

  std::optional<ByteView> take(std::size_t count) {
    if (count > remaining()) return std::nullopt;
    const ByteView out = bytes_.subspan(position_, count);
    position_ += count;
    return out;
  }
  std::optional<std::uint8_t> u8() {
    const auto bytes = take(1);
    if (!bytes) return std::nullopt;
    return (*bytes)[0];
  }
  std::optional<std::uint16_t> u16_big() {
    const auto b = take(2);
    if (!b) return std::nullopt;
    return static_cast<std::uint16_t>(((*b)[0] << 8) | (*b)[1]);
  }
  std::optional<std::uint32_t> u32_big() {
    const auto b = take(4);
    if (!b) return std::nullopt;
    return std::uint32_t{(*b)[0]} << 24 | std::uint32_t{(*b)[1]} << 16 |
           std::uint32_t{(*b)[2]} << 8 | (*b)[3];
  }
  std::optional<std::uint32_t> u32_little() {
    const auto b = take(4);
    if (!b) return std::nullopt;
    return std::uint32_t{(*b)[3]} << 24 | std::uint32_t{(*b)[2]} << 16 |
           std::uint32_t{(*b)[1]} << 8 | (*b)[0];
  }
  std::optional<std::int32_t> i32_little() {
    const auto value = u32_little();
    if (!value) return std::nullopt;
    return static_cast<std::int32_t>(*value);
  }
  std::optional<std::uint64_t> u64_little() {
    if (remaining() < 8) return std::nullopt;
    const std::uint64_t low = *u32_little();
    return low | std::uint64_t{*u32_little()} << 32;
  }
  /// Text up to a NUL, which is consumed; nothing when there is none within `limit` characters.
  std::optional<std::string_view> text(std::size_t limit) {
    const std::size_t window = remaining() < limit + 1 ? remaining() : limit + 1;
    const std::string_view view = as_text(bytes_.subspan(position_, window));
    const std::size_t end = view.find('\0');
    if (end == std::string_view::npos) return std::nullopt;
    position_ += end + 1;
    return view.substr(0, end);
  }

 private:
  ByteView bytes_;
  std::size_t position_ = 0;
};

}  // namespace worldshare::image
