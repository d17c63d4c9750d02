#include "verifier/policy/job_costs.h"

#include <algorithm>
#include <cmath>

namespace worldshare::verifier::policy {
namespace {

constexpr double kWhole = 1;

constexpr double kMostAudits = 16;
constexpr double kMostDismissals = 9;

std::uint32_t whole(double number, double most) {
  return static_cast<std::uint32_t>(std::min(most, std::ceil(number)));
}

/// As many more audits as let no more faults pass than those of the policy's own power.
void make_up_for_power(Audits& audits, double power) {
  const double factor = std::max(1.0, std::log(1 - audits.power) / std::log(1 - power));
  audits.minimum = std::min(kMostAudits, audits.minimum * factor);
  audits.maximum = whole(audits.maximum * factor, kMostAudits);
  audits.dismissals = whole(audits.dismissals * factor, kMostDismissals);
  audits.power = power;
}

Parameters with_costs(Parameters policy, const JobCosts& costs) {
  policy.audits.cost = costs.audit;
  if (costs.audit_power > 0) make_up_for_power(policy.audits, costs.audit_power);
  if (costs.audit_blind > 0) policy.audits.blind = costs.audit_blind;
  policy.replicas.cost = policy.mode == Mode::kSplit ? costs.half : kWhole;
  return policy;
}

Parameters choose(const Parameters& policy, const Parameters& replicated, const JobCosts& costs) {
  if (policy.mode == Mode::kQuorum || policy.audits.maximum == 0) return policy;
  const Parameters out = with_costs(policy, costs);
  const double audits = out.audits.minimum * out.audits.cost;
  const bool settled = costs.trusted || policy.mode == Mode::kEvidence;
  const bool pays = costs.auditable && settled && audits < kWhole;
  const bool halves = costs.splittable && 2 * (costs.half + audits) < 2;
  return pays && (policy.mode != Mode::kSplit || halves) ? out : replicated;
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
