#pragma once

#include <string>
#include <vector>

#include "shared/pg/connection.h"
#include "shared/result.h"
#include "verifier/trust/reissue_rows.h"
#include "verifier/trust/rules.h"

namespace worldshare::verifier {

/// What follows from an exclusion, and what operators order: between sittings, in transactions of
/// its own. What it has to do is in the tables, so nothing is lost when it stops. One thread; the
/// referenced objects must outlive it.
class Review {
 public:
  Review(pg::Connection& connection, const Rules& rules) : connection_(connection), rules_(rules) {}

  /// Carries out the operators' orders, and doubts the accepted units that rested on an excluded
  /// owner: those that would not be accepted without it are reissued, the greatest risk first.
  /// One owner's, and not too many at once; true when there may be more to do.
  Result<bool> run();

 private:
  Result<> carry_out_overrules();
  Result<> carry_out(pg::Transaction& transaction, const pg::Rows& rows, int row);
  /// False when there was nothing to do.
  Result<bool> look_back();
  Result<std::vector<Doubt>> doubts(pg::Transaction& transaction,
                                    const std::string& owner,
                                    const std::string& reason);
  pg::Connection& connection_;
  const Rules& rules_;
};

}  // namespace worldshare::verifier
