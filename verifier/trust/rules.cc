#include "verifier/trust/rules.h"

#include "verifier/policy/job_costs.h"

namespace worldshare::verifier {

Result<Rules> rules_in_production(const policy::Policies& policies, const std::string& name) {
  const auto found = policies.find(name);
  if (found == policies.end()) {
    std::string known;
    for (const auto& [other, parameters] : policies) known += (known.empty() ? "" : ", ") + other;
    return fail(Errc::kInvalid, "trust.policy: there is no '" + name + "'; must be " + known);
  }
  policy::JobCosts costs;
  costs.auditable = costs.splittable = costs.trusted = false;
  Rules out;
  out.parameters = policy::for_job(found->second, policies.at("replicated"), costs);
  out.text = name;
  if (found->second.audits.maximum > 0) {
    out.text += ", by whole replicas: this version hands out no audits";
  }
  return out;
}

}  // namespace worldshare::verifier
