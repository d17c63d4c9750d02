#pragma once

#include <cstdint>
#include <functional>
#include <span>

#include "shared/messages/shard.h"
#include "shared/result.h"
#include "verifier/image/decode.h"

namespace worldshare::verifier {

/// What the artifact of a part of a frame must be: float OpenEXR with the pixels of the tile and
/// its margin.
ImageLimits part_limits(const messages::Shard& shard, const messages::FrameSize& frame);

/// The decoded artifact of the n-th shard.
using LoadPart = std::function<Result<Picture>(std::size_t n)>;

/// Bytes that assemble() takes at most beside one part: the frame, and the largest tile in double
/// precision where its samples come in ranges.
std::uint64_t assembling_bytes(std::span<const messages::Shard> shards,
                               const messages::FrameSize& frame);

/// The whole frame as float R G B A, scene linear, alpha premultiplied. A tile's pixels are copied
/// bit by bit, its margin is left out; of ranges of samples every channel is the mean weighted by
/// the number of samples, summed in double precision in the order of the samples whatever the order
/// of `shards`, so that equal parts make equal frames. Parts are loaded one at a time. kInvalid:
/// the shards are not one frame, see cover(), or a part is not what part_limits() says; other
/// errors are those of `load`. Throws bad_alloc.
Result<Picture> assemble(std::span<const messages::Shard> shards,
                         const messages::FrameSize& frame,
                         const LoadPart& load);

}  // namespace worldshare::verifier
