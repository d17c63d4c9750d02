#pragma once

#include "tests/bench/trust/rule.h"
#include "verifier/policy/roster.h"

namespace trust_bench {

/// The verifier's own policy library under test: nothing is decided here.
class EngineRule : public Rule {
 public:
  explicit EngineRule(const worldshare::verifier::policy::Parameters& parameters)
      : policy_(parameters), roster_(parameters) {}

  Step decide(const Evidence& evidence) override;
  bool split() const override;
  bool trusted() const override { return policy_.trusted; }
  double canary_rate() const override;
  bool may_replicate(IdentityId identity, const Evidence& evidence, bool out_of_patience) override;
  std::optional<IdentityId> choose_auditor(std::span<const IdentityId> candidates,
                                           const Evidence& evidence) override;
  Identities accepted(const Evidence& evidence, const Step& step) override;
  Identities convicted(Evidence& evidence, std::uint32_t target) override;
  Identities compared(Evidence& evidence, const std::vector<bool>& right) override;
  Identities canary(IdentityId identity, bool passed) override;
  bool reopens(const Evidence& evidence, const Step& accepted) override;

 private:
  /// Applies events and the exclusions that follow from them.
  Identities apply(const std::vector<worldshare::verifier::policy::Event>& events);
  void exclude_group(const Evidence& evidence, Identities& out);

  const worldshare::verifier::policy::Parameters policy_;
  worldshare::verifier::policy::Roster roster_;
};

}  // namespace trust_bench
