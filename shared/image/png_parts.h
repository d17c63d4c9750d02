#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "shared/bytes.h"
#include "shared/image/header.h"
#include "shared/result.h"

namespace worldshare::image {

/// What fixes a PNG's pixels; the views point into the file.
struct PngParts {
  Header header;
  std::uint8_t bit_depth = 0;    ///< of a sample or palette index: 1, 2, 4, 8, 16
  std::uint8_t colour_type = 0;  ///< 0 grey, 2 RGB, 3 palette, 4 grey and alpha, 6 RGB and alpha
  bool interlaced = false;
  ByteView palette;            ///< the PLTE chunk, empty when there is none
  ByteView transparency;       ///< the tRNS chunk, likewise
  std::vector<ByteView> data;  ///< the IDAT chunks: together one zlib stream, not yet checked
  /// What an artifact may not carry, as check_canonical() says it; empty when the file is
  /// canonical.
  std::string foreign;
};

/// Walks the whole file once: order and checksums of the chunks hold, colour type and depth belong
/// together. kCorrupt with the reason.
Result<PngParts> read_png(ByteView bytes);

}  // namespace worldshare::image
