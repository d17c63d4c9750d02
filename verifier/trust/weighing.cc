#include "verifier/trust/weighing.h"

#include <fmt/format.h>

#include <algorithm>

#include "verifier/policy/decision.h"
#include "verifier/policy/settlement.h"

namespace worldshare::verifier {

void Weighing::add(const std::vector<FiledAudit>& audits, double chance) {
  chance_ = chance;
  for (const FiledAudit& audit : audits) {
    if (audit.lease.empty() || beliefs_.excluded(audit.owner)) continue;
    Tally& tally = tallies_[audit.order.target];
    if (audit.state == AuditState::kPassed) ++tally.passes;
    if (audit.state == AuditState::kFailed) ++tally.failures;
  }
}

/// All that are certain to be wanted, so that a frame does not wait for one after the other; once
/// one has failed, the next says whether there will be more.
unsigned Weighing::further_audits() const {
  if (step_.act != policy::Act::kAudit) return 0;
  if (evidence_.submissions[step_.target].failures > 0) return 1;
  policy::Evidence evidence = evidence_;
  policy::Step step = step_;
  unsigned out = 0;
  while (step.act == policy::Act::kAudit && step.target == step_.target &&
         out < parameters_.audits.maximum) {
    ++out;
    ++evidence.submissions[step.target].passes;
    step = policy::decide(evidence, parameters_, beliefs_.roster());
  }
  return out;
}

Weighed Weighing::weigh(const std::vector<Clique>& sets) {
  evidence_ = {};
  evidence_.chance = chance_;
  places_.clear();
  for (std::size_t place = 0; place < results_.size(); ++place) {
    const auto holds = [&](const Clique& set) { return std::ranges::binary_search(set, place); };
    const auto set = std::ranges::find_if(sets, holds);
    if (set == sets.end()) continue;
    const Tally tally = tallies_[results_[place].lease];
    evidence_.submissions.push_back({.identity = beliefs_.identity(results_[place].owner),
                                     .cluster = static_cast<std::uint32_t>(set - sets.begin()),
                                     .passes = tally.passes,
                                     .failures = tally.failures});
    places_.push_back(place);
  }
  step_ = policy::decide(evidence_, parameters_, beliefs_.roster());
  audits_ = further_audits();
  Weighed out;
  out.leader = evidence_.submissions[step_.target].cluster;
  out.enough = step_.act == policy::Act::kAccept;
  out.why = fmt::format("the chance that the picture is wrong is put at {:.1e}{}{:.1e}", step_.risk,
                        step_.risk <= parameters_.risk.limit ? ", within " : ", over ",
                        parameters_.risk.limit);
  why_ = out.why;
  return out;
}

std::vector<TrustEvent> Weighing::settle(std::int64_t unit) const {
  std::vector<TrustEvent> out;
  if (evidence_.submissions.empty()) return out;
  policy::Step accepted = step_;
  accepted.act = policy::Act::kAccept;
  for (const policy::Event& event :
       policy::settle(evidence_, accepted, parameters_, beliefs_.roster())) {
    const auto at =
        std::ranges::find(evidence_.submissions, event.identity, &policy::Submission::identity);
    const auto place = places_[static_cast<std::size_t>(at - evidence_.submissions.begin())];
    const FiledResult& result = results_[place];
    out.push_back({result.owner, event.kind, event.ok, event.bad, unit, result.lease,
                   event.bad > 0    ? "others agreed on another picture"
                   : at->passes > 0 ? "others audited it and found nothing"
                                    : "others agreed with it"});
  }
  return out;
}

std::optional<double> Weighing::risk() const {
  if (evidence_.submissions.empty()) return std::nullopt;
  return step_.risk;
}

}  // namespace worldshare::verifier
