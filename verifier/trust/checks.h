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
  double frame_seconds = 0;  ///< of a part: over its share of the frame
  unsigned loads = 0;
  double load_seconds = 0;  ///< until the scene was ready to render
  unsigned audits = 0;
  double audit_seconds = 0;
  std::string unauditable;  ///< why an agent could not audit it; empty: none said so
  std::string chosen;       ///< what people were told last: "audits" or "replicas"
};

/// Owners of whom it is not known how many there are.
constexpr std::size_t kManyOwners = ~std::size_t{0};

/// How the results of a unit are checked.
struct Checks {
  enum class By : std::uint8_t {
    kReplicas,      ///< until the risk is small enough
    kAudits,        ///< one of them by other owners, who render a part of it again
    kHalves,        ///< two owners' halves of the samples by each other, and each by audits
    kEqualResults,  ///< so many as the manifest asks for: there is nobody to ask for more
  };
  policy::Parameters parameters;
  By by = By::kReplicas;
  double cost = 0;     ///< of one audit, in renders, with its share of loading the scene
  std::string reason;  ///< for people; empty where the policy leaves no choice
};

/// What one audit of the job costs, in renders: as measured, or before the first one as what it
/// renders takes. Infinite when nothing is known of its frames.
double audit_cost(const Rules& rules, const LeaseRecord& lease, const JobMeasures& measured);

/// For people: "audits".
std::string to_text(Checks::By by);

/// Audits where the policy wants them, nothing forbids them, they cost less than what they spare,
/// and of the connected `owners` enough are left when a frame has to be rendered again; otherwise
/// whole replicas; equal results where there are fewer owners than strangers need who agree.
Checks choose_checks(const Rules& rules,
                     const LeaseRecord& lease,
                     const JobMeasures& measured,
                     std::size_t owners);

}  // namespace worldshare::verifier
