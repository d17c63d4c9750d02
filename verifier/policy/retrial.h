#pragma once

#include <cstdint>
#include <vector>

#include "verifier/policy/evidence.h"
#include "verifier/policy/roster.h"
#include "verifier/policy/step.h"

namespace worldshare::verifier::policy {

/// The risk that an accepted picture is wrong, as it is known now: owners who were excluded since
/// count as malicious for certain. 0 for a picture of trusted hardware.
double risk_in_hindsight(const Evidence& evidence,
                         const Step& accepted,
                         const Parameters& policy,
                         const Roster& roster);

/// Whether an accepted unit is opened again after an owner in it was excluded: its risk in
/// hindsight is over risk.reopen times the limit. An open unit is decided by decide(), which
/// gathers what is missing; what was accepted stays until it is convicted or accepted anew.
bool reopens(const Evidence& evidence,
             const Step& accepted,
             const Parameters& policy,
             const Roster& roster);

/// An accepted unit that an excluded owner took part in.
struct Suspect {
  std::uint64_t unit = 0;
  double risk = 0;  ///< in hindsight
};

/// The order of re-verification: the greatest risk first, then the lowest unit.
void sort_for_retrial(std::vector<Suspect>& suspects);

}  // namespace worldshare::verifier::policy
