#include "verifier/image/exr_blocks.h"

#include <algorithm>
#include <optional>
#include <string>

#include "shared/image/byte_reader.h"

namespace worldshare::verifier {
namespace {

std::unexpected<Error> corrupt(const std::string& what) {
  return fail(Errc::kCorrupt, "OpenEXR: " + what);
}

/// A chunk's place counted in blocks; nothing for the coarser levels of tiles.
struct Place {
  std::int64_t column = 0;
  std::int64_t row = 0;
  bool finest = true;
};

Result<Place> read_place(image::ByteReader& reader, bool tiled, const ExrGrid& grid) {
  Place out;
  if (tiled) {
    const auto column = reader.i32_little();
    const auto row = reader.i32_little();
    const auto levels = reader.u64_little();
    if (!column || !row || !levels) return corrupt("ends in a tile's head");
    return Place{*column, *row, *levels == 0};
  }
  const auto y = reader.i32_little();
  if (!y) return corrupt("ends in a chunk's head");
  const std::int64_t line = std::int64_t{*y} - grid.first_line;
  if (line % grid.block_height != 0) return corrupt("a chunk begins at a wrong line");
  out.row = line / grid.block_height;
  return out;
}

ExrBlock block_at(const Place& place, const ExrGrid& grid, ByteView data) {
  ExrBlock out;
  out.x = static_cast<std::uint32_t>(place.column) * grid.block_width;
  out.y = static_cast<std::uint32_t>(place.row) * grid.block_height;
  out.width = std::min(grid.block_width, grid.width - out.x);
  out.height = std::min(grid.block_height, grid.height - out.y);
  out.data = data;
  return out;
}

}  // namespace

Result<std::vector<ExrBlock>> exr_blocks(const image::ExrParts& parts, const ExrGrid& grid) {
  const std::int64_t columns = (grid.width + grid.block_width - 1) / grid.block_width;
  const std::int64_t rows = (grid.height + grid.block_height - 1) / grid.block_height;
  std::vector<ExrBlock> out(static_cast<std::size_t>(columns * rows));
  std::size_t found = 0;
  image::ByteReader reader(parts.chunks);
  while (reader.remaining() != 0) {
    const auto place = read_place(reader, parts.tiled, grid);
    if (!place) return std::unexpected(place.error());
    const auto size = reader.u32_little();
    const auto data = size ? reader.take(*size) : std::nullopt;
    if (!data) return corrupt("ends in a chunk");
    if (!place->finest) continue;
    if (place->column < 0 || place->column >= columns || place->row < 0 || place->row >= rows) {
      return corrupt("a chunk lies outside of the picture");
    }
    auto& block = out[static_cast<std::size_t>(place->row * columns + place->column)];
    if (block.width != 0) return corrupt("two chunks have one place");
    if (data->empty()) return corrupt("a chunk is empty");
    block = block_at(*place, grid, *data);
    ++found;
  }
  if (found != out.size()) return corrupt("a chunk is missing");
  return out;
}

}  // namespace worldshare::verifier
