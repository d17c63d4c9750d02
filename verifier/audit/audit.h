#pragma once

#include <cstdint>
#include <string>

#include "shared/result.h"
#include "shared/sharding/audit_plan.h"
#include "verifier/image/picture.h"

namespace worldshare::verifier {

/// When an audit finds a picture wrong. Numbers by measurement: `./dev bench audit`, docs/trust.md.
struct AuditLimits {
  double differing = 0.02;     ///< share of the samples in tiles that differ at all
  std::uint32_t few = 6;       ///< that many may always differ
  double visible = 2.5 / 255;  ///< a difference of this share of the peak shows
  double block = 8;            ///< deviation of one block, see AuditFigures
  double window = 5;           ///< of 2 x 2 blocks
};

/// What an audit shows of a picture. Values of integers are shares of their peak; floats are coded
/// as log2(1 + x), x clamped to [0, 65504], and what is not finite reads as 0. Samples in tiles
/// that differ in what that hides (PairMetrics::non_finite_mismatches) differ visibly.
struct AuditFigures {
  std::uint64_t samples = 0;    ///< in tiles, all channels
  std::uint64_t differing = 0;  ///< of those
  std::uint32_t tiles = 0;
  /// Tiles in which at least half of the pixels differ visibly.
  std::uint32_t wrong_tiles = 0;
  /// The greatest deviation of a block of sharding::kAuditBlock pixels outside of tiles: the
  /// difference of its means in units of what the noise of few samples and the block's own contrast
  /// explain, over all channels. Contrast counts because a mean before the view transform is not
  /// one after it.
  double block = 0;
  double window = 0;          ///< the same of 2 x 2 neighbouring blocks together
  std::uint32_t block_x = 0;  ///< the block that deviates most, in blocks
  std::uint32_t block_y = 0;
};

/// Holds an audit, as agents/blender/audit.py renders it, against the picture that it is of: tiles
/// see skipped samples, another seed and every change that they hit; the blocks around them see
/// changed content. Both pictures are of strangers, decoded within their job's limits. Pure.
/// kInvalid: they differ in shape, or `plan` does not fit them.
Result<AuditFigures> examine_audit(const Picture& claim,
                                   const Picture& audit,
                                   const sharding::AuditPlan& plan,
                                   const AuditLimits& limits = {});

/// Why the picture is wrong, a sentence for people; empty when the audit found nothing. Of two
/// pictures of one render class only: those of others differ in their last bits.
std::string fault_found(const AuditFigures& figures, const AuditLimits& limits = {});

}  // namespace worldshare::verifier
