#include "verifier/policy/settlement.h"

#include <algorithm>

#include "shared/result.h"
#include "verifier/policy/risk.h"

namespace worldshare::verifier::policy {
namespace {

/// Probability that somebody else who agreed with `own` is honest.
double honest_partner(const Evidence& evidence, const Submission& own, const Roster& roster) {
  double all_malicious = 1;
  for (const Submission& other : evidence.submissions) {
    if (&other == &own || !other.live() || other.cluster != own.cluster) continue;
    all_malicious *= roster.belief(other.identity).malice;
  }
  return 1 - all_malicious;
}

double audited(const Evidence& evidence, const Submission& own, const Parameters& policy) {
  Passes all;
  for (const Submission& other : evidence.submissions) {
    const bool copy = policy.mode != Mode::kSplit && other.cluster == own.cluster;
    if (&other != &own && !copy) continue;
    all.volunteers += other.passes;
    all.trusted += other.trusted_passes;
  }
  return 1 - escape(all, policy.audits.covering, policy.audits);
}

}  // namespace

std::vector<Event> convict(Evidence& evidence, std::uint32_t target, const Parameters& policy) {
  std::vector<Event> out;
  const std::uint32_t cluster = evidence.submissions[target].cluster;
  for (std::uint32_t i = 0; i < evidence.submissions.size(); ++i) {
    Submission& one = evidence.submissions[i];
    const bool copy = policy.mode != Mode::kSplit && one.cluster == cluster;
    if (one.proof == Proof::kWrong || (i != target && !copy)) continue;
    one.proof = Proof::kWrong;
    out.push_back({one.identity, EventKind::kChecked, 0, 1});
  }
  return out;
}

std::vector<Event> compare_with_trusted(Evidence& evidence, const std::vector<bool>& right) {
  WS_CHECK(right.size() == evidence.submissions.size(), "each submission was compared");
  std::vector<Event> out;
  evidence.trusted_render = true;
  for (std::size_t i = 0; i < right.size(); ++i) {
    Submission& one = evidence.submissions[i];
    if (one.proof == Proof::kWrong) continue;
    one.proof = right[i] ? Proof::kRight : Proof::kWrong;
    out.push_back({one.identity, EventKind::kChecked, right[i] ? 1.0 : 0.0, right[i] ? 0.0 : 1.0});
  }
  return out;
}

std::vector<Event> settle(const Evidence& evidence,
                          const Step& accepted,
                          const Parameters& policy,
                          const Roster& roster) {
  std::vector<Event> out;
  if (accepted.trusted || policy.mode == Mode::kQuorum) return out;
  const std::uint32_t winner = evidence.submissions[accepted.target].cluster;
  for (const Submission& one : evidence.submissions) {
    if (!one.live()) continue;
    if (one.cluster != winner) {
      const bool cleared = one.trusted_passes >= policy.audits.dismissals;
      const double bad = policy.replicas.outvoted * (1 - accepted.risk);
      if (!cleared) out.push_back({one.identity, EventKind::kChecked, 0, bad});
      continue;
    }
    const double weight =
        std::max(audited(evidence, one, policy), honest_partner(evidence, one, roster));
    if (weight > 0) out.push_back({one.identity, EventKind::kChecked, weight, 0});
  }
  return out;
}

}  // namespace worldshare::verifier::policy
