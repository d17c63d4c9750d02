#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "verifier/consensus/consensus.h"
#include "verifier/policy/evidence.h"
#include "verifier/policy/step.h"
#include "verifier/trust/beliefs.h"
#include "verifier/trust/papers.h"
#include "verifier/trust/rules.h"

namespace worldshare::verifier {

/// A unit as the policy sees it: its evidence, and what the policy made of it. Used for one
/// decision; the referenced objects must outlive it.
class Weighing {
 public:
  Weighing(const Rules& rules, Beliefs& beliefs, const std::vector<FiledResult>& results)
      : rules_(rules), beliefs_(beliefs), results_(results) {}

  /// Asks the policy; `sets` hold indices of results.
  Weighed weigh(const std::vector<Clique>& sets);
  /// What the acceptance of the set that led means for owners: an event for each result that the
  /// policy has something to say about. Empty when the policy was not asked.
  std::vector<TrustEvent> settle(std::int64_t unit) const;
  /// That the leading picture is wrong; nothing when the policy was not asked.
  std::optional<double> risk() const;

 private:
  const Rules& rules_;
  Beliefs& beliefs_;
  const std::vector<FiledResult>& results_;
  policy::Evidence evidence_;
  policy::Step step_;
  std::vector<std::size_t> places_;  ///< of the submissions, among the results
};

}  // namespace worldshare::verifier
