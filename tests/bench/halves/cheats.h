#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "verifier/image/picture.h"

namespace worldshare::bench {

/// What a cheat hands in instead of a half, made of `half`, a picture of float R G B A. Changes of
/// a square region of half a percent of the pixels, at a place that `seed` draws, so that it shows:
/// "grey", "brighter" (by 10 %), "moved" (from elsewhere). Changes of all: "doubled" (each pixel
/// becomes four), "smoothly" (the same by interpolation), "blurred" (means of 3 x 3). "none"
/// changes nothing. None where the change does not show; throws what it does not know.
std::optional<verifier::Picture> cheated(const verifier::Picture& half,
                                         const std::string& change,
                                         std::uint32_t seed);

}  // namespace worldshare::bench
