#pragma once

#include <optional>
#include <string>
#include <vector>

#include "dispatcher/economy/economy.h"
#include "shared/pg/connection.h"
#include "shared/result.h"

namespace worldshare::dispatcher {

/// What PostgreSQL holds of a unit that is not final, with its replicas.
struct StoredUnit {
  Unit unit;
  std::vector<Lease> leases;
};

struct VerdictEffect {
  std::string owner;                     ///< whose result it was
  bool unit_closed = false;              ///< this call made the unit final
  std::optional<std::string> job_state;  ///< "completed" or "failed" when this call ended the job
};

/// The dispatcher's writing side in PostgreSQL: each method is one transaction, and idempotent
/// where a message may come twice. One thread.
class Ledger {
 public:
  explicit Ledger(pg::Connection connection) : connection_(std::move(connection)) {}

  /// Takes the leader's lock without waiting; false: another dispatcher leads. The lock ends with
  /// the session, so a changed generation() means that it must be taken again.
  Result<bool> try_lead();
  std::uint64_t generation() const { return connection_.generation(); }

  Result<std::vector<Job>> open_jobs();
  Result<std::vector<StoredUnit>> open_units(const std::string& job);
  /// The owner of an enrolled agent, nothing for a stranger or a revoked one.
  Result<std::optional<std::string>> owner_of(const std::string& agent);
  Result<> saw_agent(const std::string& agent, const std::string& render_class);

  /// Makes the units of the next frames and returns them in order.
  Result<std::vector<Unit>> make_units(const Job& job, const WantedUnits& wanted);
  Result<> grant(const std::vector<Lease>& leases);
  Result<> extend(const std::vector<Lease>& leases);
  Result<> expire(const std::vector<std::string>& leases);

  Result<VerdictEffect> record_verdict(const wire::VerdictT& verdict);
  /// The dispatcher's own word on a unit that cannot be finished.
  Result<VerdictEffect> fail_unit(const UnitFailure& failure);

 private:
  Result<VerdictEffect> close(pg::Transaction& transaction,
                              UnitId unit,
                              bool accepted,
                              const std::string& reason);
  pg::Connection connection_;
};

}  // namespace worldshare::dispatcher
