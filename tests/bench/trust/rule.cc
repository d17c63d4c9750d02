#include "tests/bench/trust/rule.h"

#include <algorithm>

#include "verifier/policy/settlement.h"

namespace trust_bench {

bool Rule::may_replicate(IdentityId identity, const Evidence& evidence, bool /*out_of_patience*/) {
  using worldshare::verifier::policy::Submission;
  return std::ranges::find(evidence.submissions, identity, &Submission::identity) ==
         evidence.submissions.end();
}

Identities Rule::convicted(Evidence& evidence, std::uint32_t target) {
  evidence.submissions[target].proof = worldshare::verifier::policy::Proof::kWrong;
  return {};
}

Identities Rule::compared(Evidence& evidence, const std::vector<bool>& right) {
  (void)worldshare::verifier::policy::compare_with_trusted(evidence, right);
  return {};
}

}  // namespace trust_bench
