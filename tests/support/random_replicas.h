#pragma once

#include <cstddef>
#include <random>
#include <string>
#include <vector>

#include "verifier/image/picture.h"

namespace worldshare::testing {

/// How the replicas of a test differ.
enum class Kind : std::uint8_t {
  kFar,       ///< noise over all of the range
  kNoise,     ///< one scene under noise of some per cent
  kNear,      ///< one scene, a few samples off by the least step
  kFlat,      ///< flat, each with another value
  kGradient,  ///< ramps of different slopes
  kPattern,   ///< a checkerboard of single pixels and its inverse
  kBright,    ///< floats far above 1, near-equal; integers are all white
  kHuge,      ///< as kNoise, with floats of up to the largest half in some places
  kEqual,
};
inline constexpr std::size_t kKinds = 9;

/// `count` replicas of `shape`, the same for the same state of `random`.
std::vector<verifier::Picture> random_replicas(const verifier::Shape& shape,
                                               Kind kind,
                                               std::size_t count,
                                               std::mt19937& random);

/// Into a picture of floats, anywhere: samples that are no numbers, or outside of what is compared.
void put_wild_samples(verifier::Picture& picture, std::mt19937& random);

/// An odd size of at most 119x99 pixels, some with a side below 11, any depth and number of
/// channels.
verifier::Shape random_shape(std::mt19937& random);

std::string describe(const verifier::Shape& shape, Kind kind, std::size_t count);

/// The bits of the half nearest to `value` in [0, 65504].
std::uint16_t to_half(double value);

}  // namespace worldshare::testing
