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
  const policy::Parameters& wanted = found->second;
  policy::JobCosts costs;
  costs.auditable = costs.splittable = costs.trusted = false;
  Rules out;
  out.text = name;
  out.replicated = policy::for_job(policies.at("replicated"), policies.at("replicated"), costs);
  out.few = policies.at("founding");
  out.split = policies.at("strict");
  out.audits = wanted.mode != policy::Mode::kQuorum && wanted.audits.maximum > 0;
  if (out.audits) {
    out.parameters = wanted;
    out.parameters.trusted = false;
  } else {
    out.parameters = policy::for_job(wanted, policies.at("replicated"), costs);
  }
  return out;
}

}  // namespace worldshare::verifier
