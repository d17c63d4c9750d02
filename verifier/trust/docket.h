#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "shared/messages/messages.h"
#include "shared/pg/connection.h"
#include "shared/result.h"
#include "verifier/consensus/agreement.h"
#include "verifier/consensus/consensus.h"
#include "verifier/trust/examination.h"
#include "verifier/trust/lease_record.h"

namespace worldshare::verifier {

/// How a unit ended.
struct Ending {
  bool accepted = false;
  std::string lease;     ///< of the accepted result
  std::string artifact;  ///< of the accepted result
};

/// A row of `verdicts`.
struct Verdict {
  wire::Decision decision = wire::Decision::pending;
  bool counts = true;
  unsigned replicas_needed = 0;
  std::optional<std::string> artifact;
  std::string reason;
};

/// What two leases' comparison showed, keyed by the smaller and the larger lease.
using Comparisons = std::map<std::pair<std::string, std::string>, Comparison>;

/// A unit's papers, read and written in one transaction that holds the unit's lock, so that of many
/// verifiers one at a time judges a unit. Without commit() nothing has happened. All errors are
/// those of pg::Transaction.
class Docket {
 public:
  /// `lease` must outlive it.
  static Result<Docket> open(pg::Connection& connection, const LeaseRecord& lease);

  /// Nothing while the unit is open.
  Result<std::optional<Ending>> ending();
  /// False: this lease, or this owner on this unit, has reported before.
  Result<bool> add_result(const wire::ResultT& result, const Finding& finding);
  /// Counted results in the order of their arrival.
  Result<std::vector<Opinion>> opinions();
  Result<Comparisons> comparisons();
  Result<> add_comparison(const std::string& lease_a,
                          const std::string& lease_b,
                          const Comparison& comparison);
  /// Of this lease.
  Result<> add_verdict(const Verdict& verdict);
  /// `judged` as in results.judged.
  Result<> mark(const std::string& lease, const std::string& judged);
  /// Writes the output, or that the frame of which this is a part may be assembled, what becomes of
  /// each result, credit, and the owners' records.
  Result<> accept(const std::string& accepted_lease, const std::vector<std::string>& agreed);
  /// Nobody earns and nobody is blamed: it is not known who was right.
  Result<> give_up();
  /// A void result counts against its owner's record.
  Result<> blame_owner();
  Result<> commit() { return transaction_.commit(); }

 private:
  Docket(pg::Transaction transaction, const LeaseRecord& lease)
      : transaction_(std::move(transaction)), lease_(&lease) {}
  Result<> run(const char* sql, std::initializer_list<pg::Param> params);

  pg::Transaction transaction_;
  const LeaseRecord* lease_;
};

}  // namespace worldshare::verifier
