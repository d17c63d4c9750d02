#include "verifier/assembly/cover.h"

#include <algorithm>
#include <map>
#include <tuple>

namespace worldshare::verifier {
namespace {

using messages::PixelBox;
using messages::Shard;

std::unexpected<Error> wrong(const std::string& what) {
  return fail(Errc::kInvalid, "the parts are not one frame: " + what);
}

bool overlap(const PixelBox& a, const PixelBox& b) {
  return a.x0 < b.x1 && b.x0 < a.x1 && a.y0 < b.y1 && b.y0 < a.y1;
}

Result<> check_tiles(const std::vector<TileParts>& tiles, const messages::FrameSize& frame) {
  std::uint64_t pixels = 0;
  for (std::size_t i = 0; i < tiles.size(); ++i) {
    const PixelBox& box = tiles[i].box;
    pixels += std::uint64_t{box.width()} * box.height();
    for (std::size_t j = i + 1; j < tiles.size() && tiles[j].box.y0 < box.y1; ++j) {
      if (overlap(box, tiles[j].box)) return wrong("two tiles overlap");
    }
  }
  if (pixels != std::uint64_t{frame.width} * frame.height) return wrong("a tile is missing");
  return {};
}

Result<> check_samples(std::span<const Shard> shards, const TileParts& tile) {
  std::uint32_t next = 0;
  const auto& first = shards[tile.shards.front()].samples;
  if (!first) return tile.shards.size() == 1 ? Result<>{} : wrong("a tile comes twice");
  for (const std::size_t index : tile.shards) {
    const auto& range = shards[index].samples;
    if (!range || range->total != first->total) return wrong("the ranges are of different totals");
    if (range->first != next) return wrong("samples are missing, or come twice");
    next += range->count;
  }
  return next == first->total ? Result<>{} : wrong("the last samples are missing");
}

}  // namespace

Result<std::vector<TileParts>> cover(std::span<const Shard> shards,
                                     const messages::FrameSize& frame) {
  if (shards.empty()) return wrong("there are none");
  std::map<std::tuple<std::uint32_t, std::uint32_t, std::uint32_t, std::uint32_t>, TileParts> found;
  for (std::size_t index = 0; index < shards.size(); ++index) {
    const Shard& shard = shards[index];
    if (auto ok = check(shard, frame); !ok) return std::unexpected(ok.error());
    if (!is_part_of_frame(shard) || shard.frame_count != 1)
      return wrong("a whole one is among them");
    if (shard.frame != shards[0].frame) return wrong("they are of several frames");
    const PixelBox box = shard.tile ? shard.tile->box : PixelBox{0, 0, frame.width, frame.height};
    TileParts& tile = found[{box.y0, box.x0, box.y1, box.x1}];
    tile.box = box;
    tile.shards.push_back(index);
  }
  std::vector<TileParts> out;
  for (auto& [key, tile] : found) {
    std::ranges::sort(tile.shards, {}, [&](std::size_t index) {
      return shards[index].samples ? shards[index].samples->first : 0;
    });
    if (auto ok = check_samples(shards, tile); !ok) return std::unexpected(ok.error());
    out.push_back(std::move(tile));
  }
  if (auto ok = check_tiles(out, frame); !ok) return std::unexpected(ok.error());
  return out;
}

}  // namespace worldshare::verifier
