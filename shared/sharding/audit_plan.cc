#include "shared/sharding/audit_plan.h"

#include <algorithm>
#include <cmath>

namespace worldshare::sharding {
namespace {

constexpr std::uint32_t kMostSamples = 4;
constexpr std::uint32_t kShareOfSamples = 8;

/// SplitMix64 (Steele, Lea, Flood 2014): the same numbers everywhere.
class Draw {
 public:
  explicit Draw(std::uint64_t seed) : state_(seed) {}
  /// In [0, bound); the bias of a bound below 2^16 is under 2^-48.
  std::uint32_t below(std::uint32_t bound) {
    std::uint64_t z = state_ += 0x9e3779b97f4a7c15U;
    z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
    return static_cast<std::uint32_t>((z ^ (z >> 31U)) % bound);
  }

 private:
  std::uint64_t state_;
};

/// The cell's pixels where a tile may begin, [begin, end), so that it stays within the cell.
struct Span {
  std::uint32_t begin = 0;
  std::uint32_t end = 0;
};
Span cell(std::uint32_t n, std::uint32_t of, std::uint32_t size) {
  const auto edge = [&](std::uint64_t i) { return static_cast<std::uint32_t>(i * size / of); };
  return {edge(n), edge(n + 1) - kAuditTileSide + 1};
}

std::uint32_t cells(double wanted, std::uint32_t size) {
  return std::clamp(static_cast<std::uint32_t>(std::lround(wanted)), 1U, size / kAuditTileSide);
}

}  // namespace

AuditPlan plan_audit(std::uint64_t seed,
                     std::uint32_t tiles,
                     std::uint32_t total,
                     const messages::FrameSize& frame) {
  AuditPlan out;
  out.total = total;
  out.samples = std::clamp(total / kShareOfSamples, 1U, kMostSamples);
  const double count = std::min(tiles, kMaxAuditTiles);
  const double aspect = static_cast<double>(frame.width) / frame.height;
  const std::uint32_t columns = cells(std::sqrt(count * aspect), frame.width);
  const std::uint32_t rows = cells(count / columns, frame.height);
  Draw draw(seed);
  for (std::uint32_t row = 0; row < rows; ++row) {
    for (std::uint32_t column = 0; column < columns; ++column) {
      const Span across = cell(column, columns, frame.width);
      const Span down = cell(row, rows, frame.height);
      const std::uint32_t x = across.begin + draw.below(across.end - across.begin);
      const std::uint32_t y = down.begin + draw.below(down.end - down.begin);
      out.tiles.push_back({x, y, x + kAuditTileSide, y + kAuditTileSide});
    }
  }
  return out;
}

AuditPlan plan_audit(std::uint64_t seed,
                     std::uint32_t tiles,
                     std::uint32_t total,
                     const messages::Shard& shard,
                     const messages::FrameSize& frame) {
  const messages::PixelBox picture = messages::rendered_box(shard, frame);
  const messages::PixelBox used = shard.tile ? shard.tile->box : picture;
  const std::uint32_t samples = shard.samples ? shard.samples->count : total;
  AuditPlan out = plan_audit(seed, tiles, samples, {used.width(), used.height()});
  for (auto& tile : out.tiles) {
    tile.x0 += used.x0 - picture.x0;
    tile.x1 += used.x0 - picture.x0;
    tile.y0 += used.y0 - picture.y0;
    tile.y1 += used.y0 - picture.y0;
  }
  return out;
}

}  // namespace worldshare::sharding
