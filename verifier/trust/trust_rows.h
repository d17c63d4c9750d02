#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "shared/pg/connection.h"
#include "shared/result.h"
#include "verifier/trust/beliefs.h"
#include "verifier/trust/minutes.h"

// The tables trust, trust_events and trust_prior. Errors are those of pg::Transaction.

namespace worldshare::verifier {

struct ExcludedOwner {
  std::string owner;
  std::string reason;
};

/// As they are now. Owners without a row are newcomers.
Result<> read_beliefs(pg::Transaction& transaction,
                      std::vector<std::string> owners,
                      Beliefs& beliefs);

/// Adds to the owners' records and applies events, in their order, to what their rows say by now,
/// whatever was believed when they came about; owners who are exposed by that are excluded. Locks
/// the rows of these owners in one order for all, so that none waits for another in a circle.
/// kConflict: one of those who were relied on is excluded by now, and what was decided would not be
/// looked at again for that: it has to be decided anew.
Result<std::vector<ExcludedOwner>> change_trust(pg::Transaction& transaction,
                                                const policy::Parameters& parameters,
                                                const std::map<std::string, RecordChange>& records,
                                                const std::vector<TrustEvent>& events,
                                                const std::set<std::string>& relied_on);

}  // namespace worldshare::verifier
