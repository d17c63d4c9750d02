#pragma once

#include "verifier/policy/parameters.h"

namespace worldshare::verifier::policy {

/// What is measured, or known of the renderer, for the job at hand; in renders of one unit.
struct JobCosts {
  bool auditable = true;   ///< the renderer can repeat a tile of a picture
  bool splittable = true;  ///< it can render a part of the samples, and halves can be merged
  bool trusted = true;     ///< there is hardware that settles what volunteers cannot
  double audit = 0.025;    ///< of one audit, with its share of loading the scene
  double half = 0.52;      ///< of one half of the samples, with loading the scene
  double audit_power = 0;  ///< measured and doubted as Audits::power wants it; 0: the policy's own
  double audit_blind = 0;  ///< the same for Audits::blind
};

/// `policy` with the job's costs in it, and with as many more audits of each result as make up for
/// a power below its own. Where the least audits of a result cost as much as a
/// replica, or nothing can be audited, or halves cannot be merged or cost as much as two whole
/// results: `replicated`. Without trusted hardware halves are not audited, because nobody could
/// settle a failed audit of one; whole results are, and where an audit fails or results contradict
/// each other, further audits and owners decide.
Parameters for_job(const Parameters& policy, const Parameters& replicated, const JobCosts& costs);

/// Renders that an accepted unit costs when nobody fails: for schedulers and quotes.
double expected_renders(const Parameters& policy);

}  // namespace worldshare::verifier::policy
