#pragma once

#include <cstdint>
#include <vector>

#include "shared/messages/shard.h"

namespace worldshare::sharding {

/// Side of the tiles of an audit, in pixels: many small ones see more than few large ones.
inline constexpr std::uint32_t kAuditTileSide = 2;
/// Side of the blocks whose means an audit shows around its tiles; agents/blender/audit.py.
inline constexpr std::uint32_t kAuditBlock = 8;
inline constexpr std::uint32_t kMaxAuditTiles = 1024;

/// What of a picture an audit renders: some tiles with all samples, the rest with `samples`.
struct AuditPlan {
  std::vector<messages::PixelBox> tiles;  ///< of the picture's pixels; none overlaps another
  std::uint32_t samples = 1;              ///< of each pixel outside of tiles
  std::uint32_t total = 1;                ///< that a pixel of an honest picture has
  bool operator==(const AuditPlan&) const = default;
};

/// About `tiles` tiles, one at a random place in each cell of a grid over the frame, and an eighth
/// of the samples up to four. The same arguments give the same plan on every machine; who does not
/// know the seed cannot tell one pixel from another. `frame` has at least kAuditTileSide pixels a
/// side, `total` is at least 1.
AuditPlan plan_audit(std::uint64_t seed,
                     std::uint32_t tiles,
                     std::uint32_t total,
                     const messages::FrameSize& frame);

/// The same for what a unit hands in, of a frame whose pixels get `total` samples: tiles lie where
/// a part's pixels are used, not in the margin around them, and are counted from its own corner.
AuditPlan plan_audit(std::uint64_t seed,
                     std::uint32_t tiles,
                     std::uint32_t total,
                     const messages::Shard& shard,
                     const messages::FrameSize& frame);

}  // namespace worldshare::sharding
