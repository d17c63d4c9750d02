#include "tests/bench/trust/engine_rule.h"

#include "verifier/policy/decision.h"
#include "verifier/policy/exclusion.h"
#include "verifier/policy/retrial.h"
#include "verifier/policy/settlement.h"

namespace trust_bench {

namespace policy = worldshare::verifier::policy;

Step EngineRule::decide(const Evidence& evidence) {
  return policy::decide(evidence, policy_, roster_);
}

bool EngineRule::split() const { return policy_.mode == policy::Mode::kSplit; }

double EngineRule::canary_rate() const { return policy_.canaries.rate; }

bool EngineRule::may_replicate(IdentityId identity,
                               const Evidence& evidence,
                               bool out_of_patience) {
  return policy::may_replicate(identity, evidence, out_of_patience, policy_, roster_);
}

std::optional<IdentityId> EngineRule::choose_auditor(std::span<const IdentityId> candidates,
                                                     const Evidence& evidence) {
  return policy::choose_auditor(candidates, evidence, policy_, roster_);
}

Identities EngineRule::accepted(const Evidence& evidence, const Step& step) {
  return apply(policy::settle(evidence, step, policy_, roster_));
}

Identities EngineRule::convicted(Evidence& evidence, std::uint32_t target) {
  Identities out = apply(policy::convict(evidence, target, policy_));
  exclude_group(evidence, out);
  return out;
}

Identities EngineRule::compared(Evidence& evidence, const std::vector<bool>& right) {
  Identities out = apply(policy::compare_with_trusted(evidence, right));
  exclude_group(evidence, out);
  return out;
}

Identities EngineRule::canary(IdentityId identity, bool passed) {
  if (passed) return {};
  return apply({{identity, policy::EventKind::kCanaryMissed}});
}

bool EngineRule::reopens(const Evidence& evidence, const Step& accepted) {
  return policy::reopens(evidence, accepted, policy_, roster_);
}

Identities EngineRule::apply(const std::vector<policy::Event>& events) {
  Identities out;
  for (const policy::Event& event : events) {
    roster_.apply(event);
    if (const auto exposure = policy::exposed(event.identity, roster_)) {
      roster_.apply(policy::event_of(*exposure));
      out.push_back(event.identity);
    }
  }
  return out;
}

void EngineRule::exclude_group(const Evidence& evidence, Identities& out) {
  for (const auto& exposure : policy::exposed_group(evidence, roster_)) {
    roster_.apply(policy::event_of(exposure));
    out.push_back(exposure.identity);
  }
}

}  // namespace trust_bench
