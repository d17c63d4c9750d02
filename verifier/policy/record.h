#pragma once

#include "verifier/policy/parameters.h"

namespace worldshare::verifier::policy {

/// What an identity has shown: discounted sums of weights in [0, 1]. A weight says how independent
/// the check was that found a result good or bad.
struct Record {
  double ok = 0;
  double bad = 0;
  double cusum = 0;  ///< in nats, at least 0

  bool operator==(const Record&) const = default;
};

/// `record` after one more result. Older evidence is multiplied by memory.keep: a record remembers
/// about 1 / (1 - keep) results, so that good behaviour cannot be saved up. CUSUM (Page, 1954) adds
/// up Wald's log-likelihood ratios of memory.changed_rate against memory.normal_rate and starts
/// again from 0 when they speak for "nothing changed". Weights outside of [0, 1] are clamped.
Record observed(const Record& record, double ok_weight, double bad_weight, const Memory& memory);

}  // namespace worldshare::verifier::policy
