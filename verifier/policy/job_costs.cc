#include "verifier/policy/job_costs.h"

namespace worldshare::verifier::policy {
namespace {

constexpr double kWhole = 1;

Parameters with_costs(Parameters policy, const JobCosts& costs) {
  policy.audits.cost = costs.audit;
  if (costs.audit_power > 0) policy.audits.power = costs.audit_power;
  if (costs.audit_blind > 0) policy.audits.blind = costs.audit_blind;
  policy.replicas.cost = policy.mode == Mode::kSplit ? costs.half : kWhole;
  return policy;
}

Parameters choose(const Parameters& policy, const Parameters& replicated, const JobCosts& costs) {
  if (policy.mode == Mode::kQuorum || policy.audits.maximum == 0) return policy;
  const bool settled = costs.trusted || policy.mode == Mode::kEvidence;
  const bool pays = costs.auditable && settled && policy.audits.minimum * costs.audit < kWhole;
  const bool halves =
      costs.splittable && 2 * (costs.half + policy.audits.minimum * costs.audit) < 2;
  if (pays && (policy.mode != Mode::kSplit || halves)) return with_costs(policy, costs);
  return replicated;
}

}  // namespace

Parameters for_job(const Parameters& policy, const Parameters& replicated, const JobCosts& costs) {
  Parameters out = choose(policy, replicated, costs);
  out.trusted = costs.trusted;
  return out;
}

double expected_renders(const Parameters& policy) {
  const double audits = policy.audits.minimum * policy.audits.cost;
  switch (policy.mode) {
    case Mode::kQuorum: return policy.replicas.quorum / (1 - policy.canaries.rate);
    case Mode::kSplit: return 2 * (policy.replicas.cost + audits);
    case Mode::kEvidence: return policy.audits.maximum > 0 ? kWhole + audits : 2 * kWhole;
  }
  return 0;
}

}  // namespace worldshare::verifier::policy
