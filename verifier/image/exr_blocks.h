#pragma once

#include <cstdint>
#include <vector>

#include "shared/bytes.h"
#include "shared/image/exr_parts.h"
#include "shared/result.h"

namespace worldshare::verifier {

/// A rectangle of pixels as an OpenEXR file stores it.
struct ExrBlock {
  std::uint32_t x = 0;  ///< from the data window's corner
  std::uint32_t y = 0;
  std::uint32_t width = 0;
  std::uint32_t height = 0;
  ByteView data;  ///< packed, never empty
};

/// How the chunks divide a picture.
struct ExrGrid {
  std::uint32_t width = 0;  ///< of the picture
  std::uint32_t height = 0;
  std::int32_t first_line = 0;    ///< the data window's least y
  std::uint32_t block_width = 0;  ///< of all but the last in a row or column
  std::uint32_t block_height = 0;
};

/// The blocks of the finest level. kCorrupt unless they cover the picture exactly once.
Result<std::vector<ExrBlock>> exr_blocks(const image::ExrParts& parts, const ExrGrid& grid);

}  // namespace worldshare::verifier
