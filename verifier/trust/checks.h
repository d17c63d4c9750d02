#pragma once

#include <cstdint>
#include <string>

#include "verifier/policy/parameters.h"
#include "verifier/trust/lease_record.h"
#include "verifier/trust/rules.h"

namespace worldshare::verifier {

/// What was measured of a job's first results and audits: numbers and sums.
struct JobMeasures {
  /// Frames, audits and loads that are measured at least; later ones change nothing.
  static constexpr unsigned kEnough = 20;
  unsigned frames = 0;
  double frame_seconds = 0;
  unsigned loads = 0;
  double load_seconds = 0;  ///< until the scene was ready to render
  unsigned audits = 0;
  double audit_seconds = 0;
  std::string unauditable;  ///< why an agent could not audit it; empty: none said so
  std::string chosen;       ///< what people were told last: "audits" or "replicas"
};

/// How the results of a unit are checked.
struct Checks {
  policy::Parameters parameters;
  bool audits = false;
  double cost = 0;     ///< of one audit, in renders, with its share of loading the scene
  std::string reason;  ///< for people; empty where the policy leaves no choice
};

/// What one audit of the job costs, in renders: as measured, or before the first one as what it
/// renders takes. Infinite when nothing is known of its frames.
double audit_cost(const Rules& rules, const LeaseRecord& lease, const JobMeasures& measured);

/// Audits where the policy wants them, nothing forbids them and they cost less than what they
/// spare; otherwise whole replicas.
Checks choose_checks(const Rules& rules, const LeaseRecord& lease, const JobMeasures& measured);

}  // namespace worldshare::verifier
