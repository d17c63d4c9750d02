#include "verifier/policy/leading.h"

#include <algorithm>

namespace worldshare::verifier::policy {

std::vector<Cluster> live_clusters(const Evidence& evidence) {
  std::vector<Cluster> out;
  const auto& all = evidence.submissions;
  for (std::uint32_t i = 0; i < all.size(); ++i) {
    if (!all[i].live()) continue;
    const auto same = [&](const Cluster& cluster) {
      return all[cluster.members.front()].cluster == all[i].cluster;
    };
    const auto found = std::ranges::find_if(out, same);
    if (found == out.end()) {
      out.push_back({{i}});
    } else {
      found->members.push_back(i);
    }
  }
  return out;
}

Witness witness(const Submission& submission, const Roster& roster) {
  Witness out{roster.belief(submission.identity), passes(submission)};
  if (submission.proof == Proof::kRight) out.belief = {};
  if (!roster.active(submission.identity)) {
    out.belief.malice = 1;
    out.belief.cheat_rate = out.belief.bare_cheat_rate;
  }
  return out;
}

double cluster_risk(const Evidence& evidence,
                    const Cluster& cluster,
                    unsigned more,
                    const Parameters& policy,
                    const Roster& roster) {
  std::vector<Witness> witnesses;
  witnesses.reserve(cluster.members.size());
  for (const std::uint32_t member : cluster.members) {
    const Submission& submission = evidence.submissions[member];
    witnesses.push_back(witness(submission, roster));
    if (!policy.trusted) witnesses.back().passes.failures = submission.failures;
  }
  witnesses.front().passes.volunteers += more;
  return risk_of_copies(witnesses, policy);
}

std::optional<Halves> best_halves(const Evidence& evidence,
                                  const Cluster& cluster,
                                  const Parameters& policy,
                                  const Roster& roster) {
  std::optional<Halves> best;
  for (std::size_t i = 0; i < cluster.members.size(); ++i) {
    const Witness first = witness(evidence.submissions[cluster.members[i]], roster);
    for (std::size_t j = i + 1; j < cluster.members.size(); ++j) {
      if (evidence.submissions[cluster.members[i]].range ==
          evidence.submissions[cluster.members[j]].range)
        continue;
      const Witness second = witness(evidence.submissions[cluster.members[j]], roster);
      const double risk = risk_of_halves(first, second, policy);
      if (!best || risk < best->risk) best = Halves{cluster.members[i], cluster.members[j], risk};
    }
  }
  return best;
}

}  // namespace worldshare::verifier::policy
