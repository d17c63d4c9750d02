#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "shared/blobs/store.h"
#include "shared/pg/connection.h"
#include "shared/result.h"
#include "verifier/trust/beliefs.h"
#include "verifier/trust/minutes.h"
#include "verifier/trust/papers.h"
#include "verifier/trust/rules.h"
#include "verifier/trust/trust_rows.h"

namespace worldshare::verifier {

/// The papers of some units, read and written in one transaction that holds their locks, so that of
/// many verifiers one at a time judges a unit. Without commit() nothing has happened. All errors
/// are those of pg::Transaction.
class Docket {
 public:
  /// `units`: ascending, each once. That order keeps verifiers from waiting for each other in a
  /// circle.
  static Result<Docket> open(pg::Connection& connection,
                             std::vector<std::int64_t> units,
                             const Rules& rules);

  /// Of these units, with the results among `leases` that are no opinions.
  Result<std::map<std::int64_t, Papers>> papers(const std::vector<std::string>& leases);
  /// Of these owners and of those who have results in `papers`.
  Result<> beliefs(const std::map<std::int64_t, Papers>& papers,
                   std::vector<std::string> owners,
                   Beliefs& beliefs);
  /// Everything that was decided. kUnavailable also where `store` lacks the picture of a frame.
  Result<> write(const Minutes& minutes, const blobs::Store& store);
  /// Owners who are excluded by what was written.
  const std::vector<ExcludedOwner>& exclusions() const { return exclusions_; }
  Result<> commit() { return transaction_.commit(); }

 private:
  Docket(pg::Transaction transaction, std::vector<std::int64_t> units, const Rules& rules)
      : transaction_(std::move(transaction)), units_(std::move(units)), rules_(rules) {}
  Result<> read_moment();
  Result<> add_results(const Minutes& minutes);
  Result<> add_comparisons(const Minutes& minutes);
  Result<> add_verdicts(const Minutes& minutes);
  Result<> mark_earlier(const Minutes& minutes);
  Result<> add_outcomes(const Minutes& minutes);
  Result<> set_frames(const Minutes& minutes, const blobs::Store& store);

  pg::Transaction transaction_;
  std::vector<std::int64_t> units_;
  const Rules& rules_;
  std::vector<ExcludedOwner> exclusions_;
  std::string moment_;  ///< what the rows of the minutes are counted from, as PostgreSQL's text
};

}  // namespace worldshare::verifier
