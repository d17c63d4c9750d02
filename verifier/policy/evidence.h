#pragma once

#include <cstdint>
#include <vector>

namespace worldshare::verifier::policy {

/// An owner within one class of hardware: what can be trusted or excluded.
using IdentityId = std::uint64_t;

enum class Proof : std::uint8_t { kNone, kRight, kWrong };

/// What is on record of one result of a unit.
struct Submission {
  IdentityId identity = 0;
  std::uint32_t cluster = 0;  ///< submissions of one cluster show the same picture
  std::uint32_t range = 0;    ///< kSplit: which samples; two of one range make no whole
  std::uint16_t passes = 0;   ///< audits by volunteers that found nothing
  std::uint16_t failures = 0;
  std::uint16_t trusted_passes = 0;  ///< audits on trusted hardware
  std::uint16_t trusted_failures = 0;
  Proof proof = Proof::kNone;  ///< by trusted hardware

  bool live() const { return proof != Proof::kWrong; }
};

/// All that a decision on a unit rests on, besides beliefs: what PostgreSQL has of it.
struct Evidence {
  std::vector<Submission> submissions;  ///< in the order of their commitments
  std::uint32_t pending = 0;            ///< replicas asked for that gave nothing yet
  double chance = 0;            ///< uniform in [0, 1): the unit's secret, drawn when it was made
  bool trusted_render = false;  ///< trusted hardware rendered it: every submission has its proof
};

}  // namespace worldshare::verifier::policy
