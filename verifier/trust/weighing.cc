#include "verifier/trust/weighing.h"

#include <fmt/format.h>

#include <algorithm>

#include "verifier/policy/decision.h"
#include "verifier/policy/settlement.h"

namespace worldshare::verifier {

void Weighing::add(const std::vector<FiledAudit>& audits, double chance) {
  chance_ = chance;
  for (const FiledAudit& audit : audits) {
    if (audit.lease.empty() || audit.order.whole() || beliefs_.excluded(audit.owner)) continue;
    Tally& tally = tallies_[audit.order.target];
    const bool trusted = audit.order.trusted;
    if (audit.state == AuditState::kPassed) ++(trusted ? tally.trusted_passes : tally.passes);
    if (audit.state == AuditState::kFailed) ++(trusted ? tally.trusted_failures : tally.failures);
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
                                     .range = results_[place].half.value_or(0),
                                     .passes = tally.passes,
                                     .failures = tally.failures,
                                     .trusted_passes = tally.trusted_passes,
                                     .trusted_failures = tally.trusted_failures});
    places_.push_back(place);
  }
  step_ = policy::decide(evidence_, parameters_, beliefs_.roster());
  while (step_.act == policy::Act::kConvict) {
    // Its owners hear of it by convicted().
    std::ignore = policy::convict(evidence_, step_.target, parameters_);
    step_ = policy::decide(evidence_, parameters_, beliefs_.roster());
  }
  audits_ = further_audits();
  Weighed out;
  out.leader = evidence_.submissions[step_.target].cluster;
  out.enough = step_.act == policy::Act::kAccept;
  out.why = why_ = reason_of_step();
  return out;
}

std::string Weighing::reason_of_step() const {
  if (step_.act == policy::Act::kTrustedAudit) return "trusted hardware looks into it";
  if (step_.act == policy::Act::kTrustedRender) return "trusted hardware is to render it";
  if (std::ranges::none_of(evidence_.submissions, &policy::Submission::live))
    return "what was rendered is proved wrong";
  return fmt::format("the chance that the picture is wrong is put at {:.1e}{}{:.1e}", step_.risk,
                     step_.risk <= parameters_.risk.limit ? ", within " : ", over ",
                     parameters_.risk.limit);
}

/// Who was proved wrong before has heard of it.
void Weighing::hold_to_trusted(const std::vector<bool>& alike) {
  evidence_ = {};
  places_.clear();
  std::vector<bool> right;
  for (std::size_t place = 0; place < results_.size(); ++place) {
    const FiledResult& result = results_[place];
    // A half shows no more than that its noise is its own: it is not held against a whole.
    if (!result.rendered || result.trusted || result.half) continue;
    if (beliefs_.excluded(result.owner)) continue;
    policy::Submission submission{.identity = beliefs_.identity(result.owner)};
    if (result.judged == "rejected") submission.proof = policy::Proof::kWrong;
    evidence_.submissions.push_back(submission);
    places_.push_back(place);
    right.push_back(alike[place]);
  }
  proofs_ = policy::compare_with_trusted(evidence_, right);
}

std::vector<std::size_t> Weighing::convicted() const {
  std::vector<std::size_t> out;
  if (evidence_.trusted_render) return out;
  for (std::size_t i = 0; i < places_.size(); ++i) {
    if (!evidence_.submissions[i].live()) out.push_back(places_[i]);
  }
  return out;
}

std::string Weighing::reason_of(const policy::Event& event,
                                const policy::Submission& submission) const {
  if (evidence_.trusted_render) {
    return event.bad > 0 ? "trusted hardware rendered another picture"
                         : "trusted hardware rendered the same";
  }
  if (event.bad > 0) return "others agreed on another picture";
  const bool audited = submission.passes + submission.trusted_passes > 0;
  return audited ? "others audited it and found nothing" : "others agreed with it";
}

std::vector<TrustEvent> Weighing::settle(std::int64_t unit) const {
  std::vector<TrustEvent> out;
  if (evidence_.submissions.empty()) return out;
  policy::Step accepted = step_;
  accepted.act = policy::Act::kAccept;
  for (const policy::Event& event :
       evidence_.trusted_render
           ? proofs_
           : policy::settle(evidence_, accepted, parameters_, beliefs_.roster())) {
    const auto at =
        std::ranges::find(evidence_.submissions, event.identity, &policy::Submission::identity);
    const auto place = places_[static_cast<std::size_t>(at - evidence_.submissions.begin())];
    const FiledResult& result = results_[place];
    out.push_back(
        {result.owner, event.kind, event.ok, event.bad, unit, result.lease, reason_of(event, *at)});
  }
  return out;
}

std::optional<double> Weighing::risk() const {
  const bool left_to_it = evidence_.trusted_render || step_.act == policy::Act::kTrustedAudit ||
                          step_.act == policy::Act::kTrustedRender;
  const bool any = std::ranges::any_of(evidence_.submissions, &policy::Submission::live);
  return any && !left_to_it ? std::optional(step_.risk) : std::nullopt;
}

}  // namespace worldshare::verifier
