#include "verifier/trust/weighing.h"

#include <fmt/format.h>

#include <algorithm>

#include "verifier/policy/decision.h"
#include "verifier/policy/settlement.h"

namespace worldshare::verifier {

Weighed Weighing::weigh(const std::vector<Clique>& sets) {
  evidence_ = {};
  places_.clear();
  for (std::size_t place = 0; place < results_.size(); ++place) {
    const auto holds = [&](const Clique& set) { return std::ranges::binary_search(set, place); };
    const auto set = std::ranges::find_if(sets, holds);
    if (set == sets.end()) continue;
    evidence_.submissions.push_back({.identity = beliefs_.identity(results_[place].owner),
                                     .cluster = static_cast<std::uint32_t>(set - sets.begin())});
    places_.push_back(place);
  }
  step_ = policy::decide(evidence_, rules_.parameters, beliefs_.roster());
  Weighed out;
  out.leader = evidence_.submissions[step_.target].cluster;
  out.enough = step_.act == policy::Act::kAccept;
  out.why = fmt::format("the chance that the picture is wrong is put at {:.1e}{}{:.1e}", step_.risk,
                        out.enough ? ", within " : ", over ", rules_.parameters.risk.limit);
  return out;
}

std::vector<TrustEvent> Weighing::settle(std::int64_t unit) const {
  std::vector<TrustEvent> out;
  if (evidence_.submissions.empty()) return out;
  policy::Step accepted = step_;
  accepted.act = policy::Act::kAccept;
  for (const policy::Event& event :
       policy::settle(evidence_, accepted, rules_.parameters, beliefs_.roster())) {
    const auto at =
        std::ranges::find(evidence_.submissions, event.identity, &policy::Submission::identity);
    const auto place = places_[static_cast<std::size_t>(at - evidence_.submissions.begin())];
    const FiledResult& result = results_[place];
    out.push_back({result.owner, event.kind, event.ok, event.bad, unit, result.lease,
                   event.bad > 0 ? "others agreed on another picture" : "others agreed with it"});
  }
  return out;
}

std::optional<double> Weighing::risk() const {
  if (evidence_.submissions.empty()) return std::nullopt;
  return step_.risk;
}

}  // namespace worldshare::verifier
