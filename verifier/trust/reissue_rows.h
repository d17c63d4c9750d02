#pragma once

#include "shared/pg/connection.h"
#include "shared/result.h"
#include "verifier/trust/minutes.h"

namespace worldshare::verifier {

/// Writes the wishes of `minutes` for further replicas of accepted units, and what became of
/// earlier ones. Errors are those of pg::Transaction.
Result<> change_reissues(pg::Transaction& transaction, const Minutes& minutes);

/// A unit whose acceptance is in doubt.
struct Doubt {
  std::int64_t unit = 0;
  std::string reason;  ///< for people
};
/// Each unit gets one more opinion; a canary that is out becomes evidence. In the order given. The
/// caller holds the units' locks.
Result<> add_doubts(pg::Transaction& transaction, const std::vector<Doubt>& doubts);

}  // namespace worldshare::verifier
