#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "shared/bytes.h"
#include "shared/result.h"

namespace worldshare::image {

/// What a unit of several frames hands in: their images, in the order of the frames, as one blob.
/// Integers are little-endian:
///   4 bytes "WSFB" | u32 number of images | u64 size of each | the images, nothing between or
///   after
/// The same images always give the same bytes.
inline constexpr std::uint32_t kMaxBundled = 1000;

Bytes bundle(std::span<const Bytes> images);

/// The `count` images of a bundle, as views into it. Never reads outside `bytes`; images are not
/// looked into. kCorrupt, with what is wrong: no bundle, another number of images, an empty one, or
/// sizes that do not add up to the bundle's.
Result<std::vector<ByteView>> unbundle(ByteView bytes, std::uint32_t count);

}  // namespace worldshare::image
