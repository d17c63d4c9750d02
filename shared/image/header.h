#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "shared/bytes.h"
#include "shared/result.h"

namespace worldshare::image {

enum class Format : std::uint8_t { kPng, kJpeg, kExr };
std::string_view to_string(Format format);

/// What the first bytes of an image claim, read without decoding or allocating for pixels.
struct Header {
  Format format = Format::kPng;
  std::uint32_t width = 0;  ///< pixels
  std::uint32_t height = 0;
  std::uint32_t channels = 0;  ///< colour and alpha
  std::uint32_t bits = 0;      ///< per channel: 8, 16, 32
  bool floating_point = false;
};

/// Reads the header of a PNG, JPEG or single-part scan-line or tiled OpenEXR file. Never reads
/// outside `bytes`. kCorrupt with the reason for anything else: empty, another format, truncated,
/// absurd fields.
Result<Header> read_header(ByteView bytes);

}  // namespace worldshare::image
