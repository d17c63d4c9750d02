#pragma once

#include <cstdint>
#include <string>

#include "shared/bytes.h"
#include "shared/result.h"

namespace worldshare::image {

/// What lies behind an OpenEXR file's header, as a view into the file.
struct ExrParts {
  bool tiled = false;
  std::uint32_t chunk_lines = 1;  ///< of a scan-line file: rows in a chunk, the last may have fewer
  /// One behind the other: a place (y, or the tile's x, y and levels), a size, so many bytes; four
  /// bytes each number, little-endian. Sizes and number fit the file, places are not yet checked.
  ByteView chunks;
  /// What an artifact may not carry, as check_canonical() says it; empty when the file is
  /// canonical.
  std::string foreign;
};

/// Walks the whole file once. kCorrupt with the reason.
Result<ExrParts> read_exr(ByteView bytes);

}  // namespace worldshare::image
