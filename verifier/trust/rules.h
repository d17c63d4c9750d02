#pragma once

#include <string>

#include "shared/result.h"
#include "verifier/consensus/agreement.h"
#include "verifier/policy/policy_file.h"

namespace worldshare::verifier {

/// A policy as this version can carry it out.
struct Rules {
  policy::Parameters parameters;
  std::string text;  ///< its name and what it has to do without; kept with every verdict
  Tolerances tolerances;
};

/// Nobody audits yet, no unit is split by the trust engine, and there is no trusted hardware: what
/// a policy would do so is done by whole replicas instead, as `replicated` decides. kInvalid: there
/// is no policy of this name.
Result<Rules> rules_in_production(const policy::Policies& policies, const std::string& name);

}  // namespace worldshare::verifier
