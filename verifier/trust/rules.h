#pragma once

#include <string>

#include "shared/result.h"
#include "verifier/consensus/agreement.h"
#include "verifier/policy/policy_file.h"

namespace worldshare::verifier {

/// A policy as this version can carry it out.
struct Rules {
  policy::Parameters parameters;
  policy::Parameters replicated;  ///< for what cannot be audited, or not for less than a replica
  policy::Parameters few;         ///< for farms of fewer owners than strangers need who agree
  policy::Parameters split;       ///< for units whose replicas are halves of the samples
  bool audits = false;            ///< results are audited where that pays, see checks.h
  std::uint32_t audit_tiles = 256;
  std::uint32_t audit_owners = 8;  ///< are connected at least where units are audited
  double audit_cost = 0;           ///< of one, in renders; 0: as it is measured of each job
  std::string text;                ///< its name; kept with every verdict
  Tolerances tolerances;
};

/// Which units are split is the dispatcher's word: what a policy would do by halves is done by
/// whole replicas where it is given such, as `replicated` decides. Whether there is trusted
/// hardware is known when a unit is heard; here there is none. kInvalid: there is no policy of this
/// name.
Result<Rules> rules_in_production(const policy::Policies& policies, const std::string& name);

}  // namespace worldshare::verifier
