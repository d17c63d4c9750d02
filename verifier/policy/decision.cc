#include "verifier/policy/decision.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <span>

#include "verifier/policy/leading.h"

namespace worldshare::verifier::policy {
namespace {

class Deliberation {
 public:
  Deliberation(const Evidence& evidence, const Parameters& policy, const Roster& roster)
      : evidence_(evidence), rules_(policy), roster_(roster) {}

  Step decide() {
    if (evidence_.trusted_render) return trusted_picture();
    if (rules_.mode != Mode::kQuorum && rules_.trusted) {
      if (const auto step = settle_failed_audit()) return *step;
    }
    clusters_ = live_clusters(evidence_);
    if (clusters_.empty()) return ask(rules_.mode == Mode::kQuorum ? rules_.replicas.quorum : 1);
    switch (rules_.mode) {
      case Mode::kQuorum: return by_quorum();
      case Mode::kEvidence: return by_evidence();
      case Mode::kSplit: return by_halves();
    }
    return {};
  }

 private:
  static Step step(Act act, std::uint32_t target, double risk = 0) {
    return {.act = act, .target = target, .partner = target, .risk = risk};
  }
  static Step trusted_picture() {
    Step out = step(Act::kAccept, 0);
    out.trusted = true;
    return out;
  }

  Step ask(std::uint32_t missing) const {
    if (evidence_.pending >= missing) return {};
    const bool many = evidence_.submissions.size() > rules_.replicas.maximum;
    if (many && rules_.trusted) return {.act = Act::kTrustedRender};
    return {.act = Act::kAskReplica, .count = missing - evidence_.pending};
  }

  /// Nobody is blamed for what a volunteer's audit says: trusted draws confirm or dismiss it.
  std::optional<Step> settle_failed_audit() const {
    for (std::uint32_t i = 0; i < evidence_.submissions.size(); ++i) {
      const Submission& one = evidence_.submissions[i];
      if (!one.live()) continue;
      if (one.trusted_failures >= rules_.audits.confirmations) return step(Act::kConvict, i);
      const bool doubted = one.failures + one.trusted_failures > 0;
      if (doubted && one.trusted_passes < rules_.audits.dismissals)
        return step(Act::kTrustedAudit, i);
    }
    return std::nullopt;
  }

  Step by_quorum() const {
    const auto size = [](const Cluster& cluster) { return cluster.members.size(); };
    const Cluster& largest = *std::ranges::max_element(clusters_, {}, size);
    const auto members = static_cast<std::uint32_t>(largest.members.size());
    if (members >= rules_.replicas.quorum) return step(Act::kAccept, largest.members.front());
    return ask(rules_.replicas.quorum - members);
  }

  Step by_evidence() {
    if (clusters_.size() > 1 && audits() && rules_.trusted) return look_for_the_wrong_one();
    std::vector<double> risks;
    for (const Cluster& cluster : clusters_) {
      risks.push_back(cluster_risk(evidence_, cluster, 0, rules_, roster_));
    }
    const auto best = static_cast<std::size_t>(std::ranges::min_element(risks) - risks.begin());
    const Cluster& leader = clusters_[best];
    std::swap(risks[best], risks.back());
    const auto others = std::span<const double>(risks).first(risks.size() - 1);
    const double risk = contested_risk(risks.back(), others);
    if (audits()) return gather(leader, risk, others);
    if (two_groups() && rules_.trusted) return {.act = Act::kTrustedRender};
    if (risk <= rules_.risk.limit) return step(Act::kAccept, leader.members.front(), risk);
    Step more = ask(1);
    more.target = leader.members.front();
    more.risk = risk;
    return more;
  }

  /// Evidence on the picture that leads; `others` are the risks of those that contradict it.
  Step gather(const Cluster& leader, double risk, std::span<const double> others) const {
    const std::uint32_t target = leader.members.front();
    const unsigned done = audits_of(leader);
    if (done < minimum_audits()) return step(Act::kAudit, target, risk);
    if (risk <= rules_.risk.limit) return step(Act::kAccept, target, risk);
    if (audits_settle(leader, done, others)) return step(Act::kAudit, target, risk);
    Step more = ask(1);
    more.target = target;
    more.risk = risk;
    return more;
  }

  /// Whether so many further audits as are allowed, and cost less than a replica, would do.
  bool audits_settle(const Cluster& leader, unsigned done, std::span<const double> others) const {
    for (unsigned more = 1; done + more <= rules_.audits.maximum; ++more) {
      if (more * rules_.audits.cost >= rules_.replicas.cost) return false;
      const double risk = cluster_risk(evidence_, leader, more, rules_, roster_);
      if (contested_risk(risk, others) <= rules_.risk.limit) return true;
    }
    return false;
  }

  Step by_halves() {
    if (const auto examine = unexamined(); clusters_.size() > 1 && examine) return *examine;
    const auto size = [](const Cluster& cluster) { return cluster.members.size(); };
    const Cluster& leader = *std::ranges::max_element(clusters_, {}, size);
    if (two_groups()) return {.act = Act::kTrustedRender};
    const auto halves = best_halves(evidence_, leader, rules_, roster_);
    if (!halves) return half_alone(leader.members.front());
    const std::uint32_t weaker = less_audited(*halves);
    const unsigned done = audits_of(weaker);
    if (audits() && done < minimum_audits()) return step(Act::kAudit, weaker, halves->risk);
    if (halves->risk <= rules_.risk.limit) {
      Step out = step(Act::kAccept, halves->a, halves->risk);
      out.partner = halves->b;
      return out;
    }
    if (audits() && done < rules_.audits.maximum) return step(Act::kAudit, weaker, halves->risk);
    return ask(1);
  }

  /// Audited before its partner is asked for: a wrong half is found before it costs another.
  Step half_alone(std::uint32_t half) const {
    if (audits() && audits_of(half) < minimum_audits()) return step(Act::kAudit, half, 1);
    return ask(1);
  }

  /// Pictures contradict each other: each is audited on trusted hardware.
  std::optional<Step> unexamined() const {
    for (const Cluster& cluster : clusters_) {
      const std::uint32_t first = cluster.members.front();
      if (evidence_.submissions[first].trusted_passes < rules_.audits.dismissals) {
        return step(Act::kTrustedAudit, first);
      }
    }
    return std::nullopt;
  }
  Step look_for_the_wrong_one() const {
    return unexamined().value_or(Step{.act = Act::kTrustedRender});
  }

  /// Two sets of owners that agree among themselves and not with each other: somebody colludes.
  bool two_groups() const {
    const auto group = [](const Cluster& cluster) { return cluster.members.size() > 1; };
    return std::ranges::count_if(clusters_, group) > 1;
  }

  unsigned minimum_audits() const {
    const double whole = std::floor(rules_.audits.minimum);
    return static_cast<unsigned>(whole) + (evidence_.chance < rules_.audits.minimum - whole);
  }
  bool audits() const { return rules_.audits.maximum > 0; }
  unsigned audits_of(std::uint32_t target) const {
    const Submission& one = evidence_.submissions[target];
    const Passes all = passes(one);
    return all.volunteers + all.trusted + (rules_.trusted ? 0U : one.failures);
  }
  unsigned audits_of(const Cluster& cluster) const {
    unsigned sum = 0;
    for (const std::uint32_t member : cluster.members) sum += audits_of(member);
    return sum;
  }
  std::uint32_t less_audited(const Halves& halves) const {
    return audits_of(halves.b) < audits_of(halves.a) ? halves.b : halves.a;
  }

  const Evidence& evidence_;
  const Parameters& rules_;
  const Roster& roster_;
  std::vector<Cluster> clusters_;
};

bool took_part(IdentityId identity, const Evidence& evidence) {
  return std::ranges::find(evidence.submissions, identity, &Submission::identity) !=
         evidence.submissions.end();
}

}  // namespace

Step decide(const Evidence& evidence, const Parameters& policy, const Roster& roster) {
  return Deliberation(evidence, policy, roster).decide();
}

bool may_replicate(IdentityId identity,
                   const Evidence& evidence,
                   bool out_of_patience,
                   const Parameters& policy,
                   const Roster& roster) {
  if (!roster.active(identity) || took_part(identity, evidence)) return false;
  if (policy.mode == Mode::kQuorum || out_of_patience) return true;
  const double malice = roster.belief(identity).malice;
  if (malice < policy.replicas.partner_malice) return true;
  double doubt = 0;
  for (const Submission& one : evidence.submissions) {
    if (one.live()) doubt = std::max(doubt, roster.belief(one.identity).malice);
  }
  return doubt < policy.replicas.partner_malice;
}

std::optional<IdentityId> choose_auditor(std::span<const IdentityId> candidates,
                                         const Evidence& evidence,
                                         const Parameters& policy,
                                         const Roster& roster) {
  std::optional<IdentityId> best;
  double least = policy.audits.auditor_malice;
  for (const IdentityId candidate : candidates) {
    if (!roster.active(candidate) || took_part(candidate, evidence)) continue;
    const double malice = roster.belief(candidate).malice;
    if (malice >= least) continue;
    least = malice;
    best = candidate;
  }
  return best;
}

}  // namespace worldshare::verifier::policy
