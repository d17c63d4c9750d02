#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "shared/bytes.h"

namespace worldshare::testing {

/// A PNG made by hand, so that a test can make it wrong in exactly one way.
struct PngMaker {
  std::uint32_t width = 1;
  std::uint32_t height = 1;
  std::uint8_t depth = 8;
  std::uint8_t colour_type = 2;
  std::uint8_t interlace = 0;
  Bytes palette{};             ///< PLTE, when not empty
  Bytes transparency{};        ///< tRNS, likewise
  Bytes rows{};                ///< filter codes and filtered bytes, before compression
  int level = 6;               ///< of the compression
  std::size_t cut = SIZE_MAX;  ///< bytes of an IDAT chunk
  Bytes tail{};                ///< behind the zlib stream

  /// Bytes of a row without its filter code.
  std::size_t row_bytes() const;
  /// Random filters and bytes; indices stay within the palette.
  void fill(unsigned seed);
  Bytes file() const;
};

Bytes png_chunk(const std::string& type, const Bytes& data);
/// The file with a chunk behind IHDR.
Bytes with_chunk(Bytes file, const std::string& type, const Bytes& data);

}  // namespace worldshare::testing
