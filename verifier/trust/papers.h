#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "shared/messages/messages.h"
#include "verifier/consensus/agreement.h"
#include "verifier/trust/examination.h"
#include "verifier/trust/lease_record.h"

namespace worldshare::verifier {

/// A result whose sender holds the lease, and what it is worth by itself.
struct Submission {
  wire::ResultT result;
  LeaseRecord lease;
  Finding finding;
};

/// How a unit ended.
struct Ending {
  bool accepted = false;
  std::string lease;     ///< of the accepted result
  std::string artifact;  ///< of the accepted result
};

/// A counted result of a unit.
struct FiledResult {
  std::string lease;
  std::string owner;
  bool claims_image = false;  ///< it was reported as rendered
  bool rendered = false;      ///< and its artifact is not known to be undecodable
  std::string artifact;
  std::string error;  ///< for people, when not rendered
};

/// What two leases' comparison showed, keyed by the smaller and the larger lease.
using Comparisons = std::map<std::pair<std::string, std::string>, Comparison>;

/// What the database holds of a unit.
struct Papers {
  std::optional<Ending> ending;      ///< nothing while the unit is open
  std::vector<FiledResult> results;  ///< in the order of their arrival
  std::vector<std::string> voids;    ///< leases whose results are void
  Comparisons comparisons;
};

}  // namespace worldshare::verifier
