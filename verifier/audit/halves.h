#pragma once

#include <cstdint>
#include <string>

#include "shared/result.h"
#include "verifier/image/picture.h"

namespace worldshare::verifier {

/// Side of the blocks that are compared, in pixels. The last block of a row or column takes the
/// rest, too, and so has up to twice as many.
inline constexpr std::uint32_t kHalvesBlock = 8;

/// When two halves of a frame's samples do not show the same. Numbers by measurement: `./dev bench
/// halves`, docs/benchmarks.md.
struct HalvesLimits {
  double block = 5.5;            ///< deviation of one block, see HalvesFigures
  double window = 6;             ///< of 2 x 2 blocks
  double spread = 5;             ///< of all blocks together
  double noise = 4.5;            ///< of the noise of the whole picture, either way
  double level = 1.0 / 255 / 8;  ///< that means may always differ by, in coded values
};

/// How far two halves are apart. A deviation is |sum of differences| / sqrt(sum of their squares):
/// of fair halves, whose noise is independent from pixel to pixel, it exceeds x with a probability
/// below 2 exp(-x^2 / 2) whatever that noise is, fireflies included (Efron, Student's t-test under
/// symmetry conditions, JASA 64, 1969), and in n pixels it never exceeds sqrt(n). Values are coded
/// as in AuditFigures.
struct HalvesFigures {
  double block = 0;           ///< greatest deviation of a block's pixels, over all channels
  std::uint32_t block_x = 0;  ///< where, in blocks
  std::uint32_t block_y = 0;
  double window = 0;           ///< the same of 2 x 2 neighbouring blocks together
  std::uint32_t window_x = 0;  ///< their upper left one, in blocks
  std::uint32_t window_y = 0;
  /// By how much the deviations of all blocks of a channel together are too great, in standard
  /// errors, over all channels: of fair halves their squares are 1 on average. Never below 0.
  double spread = 0;
  /// Signed deviation of the contrast between neighbouring pixels: above 0, `a` is the noisier one,
  /// as with fewer samples, or `b` is smoothed; below 0 the other way round. Honest second halves
  /// are a little noisier where the frame's samples are no power of two.
  double noise = 0;
};

/// Holds halves of one frame, the same number of samples each, against each other: scene-linear
/// floats, decoded within their job's limits, with noise of their own and one expectation. Sees
/// other content in either, and noise that is not that of as many samples; does not tell which of
/// the two is right, and finds nothing in a copy of the other half. Scenes whose scrambling
/// distance is below 1 have noise that is not independent from pixel to pixel: of theirs, honest
/// halves differ. Pure. kInvalid: they differ in shape, are empty, or not of floats.
Result<HalvesFigures> compare_halves(const Picture& a,
                                     const Picture& b,
                                     const HalvesLimits& limits = {});

/// Why the two are not halves of one frame, a sentence for people; empty when they show the same.
std::string difference_found(const HalvesFigures& figures, const HalvesLimits& limits = {});

}  // namespace worldshare::verifier
