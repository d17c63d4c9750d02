#include "verifier/policy/retrial.h"

#include <algorithm>
#include <tuple>

#include "verifier/policy/leading.h"

namespace worldshare::verifier::policy {

double risk_in_hindsight(const Evidence& evidence, const Step& accepted, const Roster& roster) {
  if (accepted.trusted) return 0;
  const auto& all = evidence.submissions;
  if (roster.parameters().mode == Mode::kSplit) {
    return risk_of_halves(witness(all[accepted.target], roster),
                          witness(all[accepted.partner], roster), roster.parameters());
  }
  Cluster cluster;
  for (std::uint32_t i = 0; i < all.size(); ++i) {
    if (all[i].live() && all[i].cluster == all[accepted.target].cluster) {
      cluster.members.push_back(i);
    }
  }
  return cluster.members.empty() ? 1 : cluster_risk(evidence, cluster, 0, roster);
}

bool reopens(const Evidence& evidence, const Step& accepted, const Roster& roster) {
  const Parameters& parameters = roster.parameters();
  if (parameters.mode == Mode::kQuorum) return false;
  const double limit = parameters.risk.reopen * parameters.risk.limit;
  return risk_in_hindsight(evidence, accepted, roster) > limit;
}

void sort_for_retrial(std::vector<Suspect>& suspects) {
  std::ranges::sort(suspects, {}, [](const Suspect& suspect) {
    return std::tuple(-suspect.risk, suspect.unit);
  });
}

}  // namespace worldshare::verifier::policy
