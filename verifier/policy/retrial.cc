#include "verifier/policy/retrial.h"

#include <algorithm>
#include <tuple>

#include "verifier/policy/leading.h"

namespace worldshare::verifier::policy {

double risk_in_hindsight(const Evidence& evidence,
                         const Step& accepted,
                         const Parameters& policy,
                         const Roster& roster) {
  if (accepted.trusted) return 0;
  const auto& all = evidence.submissions;
  if (policy.mode == Mode::kSplit) {
    return risk_of_halves(witness(all[accepted.target], roster),
                          witness(all[accepted.partner], roster), policy);
  }
  Cluster cluster;
  for (std::uint32_t i = 0; i < all.size(); ++i) {
    if (all[i].live() && all[i].cluster == all[accepted.target].cluster) {
      cluster.members.push_back(i);
    }
  }
  return cluster.members.empty() ? 1 : cluster_risk(evidence, cluster, 0, policy, roster);
}

bool reopens(const Evidence& evidence,
             const Step& accepted,
             const Parameters& policy,
             const Roster& roster) {
  if (policy.mode == Mode::kQuorum) return false;
  const double limit = policy.risk.reopen * policy.risk.limit;
  return risk_in_hindsight(evidence, accepted, policy, roster) > limit;
}

void sort_for_retrial(std::vector<Suspect>& suspects) {
  std::ranges::sort(suspects, {},
                    [](const Suspect& suspect) { return std::tuple(-suspect.risk, suspect.unit); });
}

}  // namespace worldshare::verifier::policy
