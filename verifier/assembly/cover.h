#pragma once

#include <span>
#include <vector>

#include "shared/messages/shard.h"
#include "shared/result.h"

namespace worldshare::verifier {

/// The shards of one tile: indices into the list that they came from, by their first sample.
struct TileParts {
  messages::PixelBox box;  ///< without the margin
  std::vector<std::size_t> shards;
};

/// The tiles that `shards` are parts of, from the top left. kInvalid, with the reason, unless the
/// shards are of one frame and give every pixel each of its samples exactly once.
Result<std::vector<TileParts>> cover(std::span<const messages::Shard> shards,
                                     const messages::FrameSize& frame);

}  // namespace worldshare::verifier
