#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "shared/bytes.h"
#include "shared/image/header.h"
#include "shared/result.h"

/// What header.h and canonical.h need of each file format. Private to shared/image.
namespace worldshare::image {

/// Wider or higher than this is no render.
inline constexpr std::uint32_t kMaxSidePixels = 1U << 20;
/// Colour profiles beyond this are no profiles.
inline constexpr std::size_t kMaxProfileBytes = 4U << 20;

/// The parts of a well-formed image that its canonical form keeps, in order.
struct Layout {
  std::vector<ByteView> kept;  ///< views into the image
  std::string dropped;         ///< names the first part that is not kept; empty when all is
  /// OpenEXR: where the table of chunk offsets begins in the image (0: none), and its number of
  /// 8-byte entries.
  std::size_t table_position = 0;
  std::size_t table_entries = 0;

  void keep(ByteView part) { kept.push_back(part); }
  void drop(const std::string& what) {
    if (dropped.empty()) dropped = what;
  }
};

bool is_png(ByteView bytes);
bool is_jpeg(ByteView bytes);
bool is_exr(ByteView bytes);

/// kCorrupt with the reason. Nothing is read outside `bytes`.
Result<Header> png_header(ByteView bytes);
Result<Header> jpeg_header(ByteView bytes);
Result<Header> exr_header(ByteView bytes);

/// Walks the whole container; kCorrupt when it is not well-formed to its last byte.
Result<Layout> png_layout(ByteView bytes);
Result<Layout> jpeg_layout(ByteView bytes);
Result<Layout> exr_layout(ByteView bytes);

}  // namespace worldshare::image
