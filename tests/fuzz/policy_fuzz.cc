#include <cstddef>
#include <cstdint>
#include <string>

#include "verifier/policy/decision.h"
#include "verifier/policy/policy_file.h"

// policy.yaml of any text: what is accepted is within its ranges, and deciding with it comes to an
// end.

namespace {

namespace policy = worldshare::verifier::policy;

/// One owner after another renders the same picture, and no audit finds anything.
void decide_a_unit(const policy::Parameters& parameters) {
  constexpr int kMostSteps = 1000;
  const policy::Roster roster(parameters);
  policy::Evidence evidence;
  for (int i = 0; i < kMostSteps; ++i) {
    const policy::Step step = policy::decide(evidence, parameters, roster);
    switch (step.act) {
      case policy::Act::kAccept: return;
      case policy::Act::kTrustedRender: return;
      case policy::Act::kAskReplica:
        evidence.submissions.push_back({.identity = evidence.submissions.size()});
        break;
      case policy::Act::kAudit: ++evidence.submissions[step.target].passes; break;
      default: WS_CHECK(false, "nothing was doubted");
    }
  }
  WS_CHECK(false, "a decision comes to an end");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(data, data + size);
  const auto policies = policy::read_policies(text, "policy.yaml");
  if (!policies) {
    WS_CHECK(policies.error().message.starts_with("policy.yaml:"), "the error names the file");
    return 0;
  }
  for (const auto& [name, parameters] : *policies) {
    WS_CHECK(policy::check(parameters, name).has_value(), "what is read is in range");
    decide_a_unit(parameters);
  }
  return 0;
}
