#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "verifier/policy/evidence.h"
#include "verifier/policy/risk.h"
#include "verifier/policy/roster.h"

namespace worldshare::verifier::policy {

/// The submissions that show one picture and have not been proved wrong.
struct Cluster {
  std::vector<std::uint32_t> members;  ///< ascending; not empty
};

/// In the order of their first members.
std::vector<Cluster> live_clusters(const Evidence& evidence);

/// What is believed of a submission's owner and its audits. Who is excluded is malicious for
/// certain.
Witness witness(const Submission& submission, const Roster& roster);

/// The risk of a cluster of copies after `more` further audits by volunteers find nothing.
double cluster_risk(const Evidence& evidence,
                    const Cluster& cluster,
                    unsigned more,
                    const Parameters& policy,
                    const Roster& roster);

/// Two halves of a unit, by their submissions.
struct Halves {
  std::uint32_t a = 0;
  std::uint32_t b = 0;
  double risk = 1;
};

/// The two halves of a cluster, of different ranges, with the least risk; nothing where all of its
/// members are of one range.
std::optional<Halves> best_halves(const Evidence& evidence,
                                  const Cluster& cluster,
                                  const Parameters& policy,
                                  const Roster& roster);

}  // namespace worldshare::verifier::policy
