#pragma once

#include <optional>
#include <string>
#include <vector>

#include "dispatcher/economy/job.h"
#include "dispatcher/economy/leadership.h"
#include "dispatcher/economy/unit.h"
#include "shared/pg/connection.h"
#include "shared/result.h"

// What the trust engine's tables ask of the dispatcher. It reads them and writes its own.

namespace worldshare::dispatcher {

/// Accepted units of which further replicas are wanted, the oldest wishes first; at most some.
/// Without their replicas.
Result<std::vector<StoredUnit>> reissued_units(pg::Connection& pg);
/// Gives each of `units` the replicas that it has.
Result<> add_replicas(pg::Connection& pg, std::vector<StoredUnit>& units);

/// Those that have ended, as matching needs them: all their frames have units.
Result<std::vector<Job>> ended_jobs(pg::Connection& pg, const std::vector<std::string>& ids);

/// What the trust engine knows of an owner.
struct OwnerRecord {
  std::string owner;
  std::optional<double> malice;  ///< probability that it cheats, where anything is believed
  std::int64_t version = 0;      ///< when that changed, unix microseconds
  bool trusted = false;          ///< an operator appointed it, and it is not excluded
};
/// Those that changed since `version`, and a little before.
Result<std::vector<OwnerRecord>> changed_records(pg::Connection& pg, std::int64_t version);

struct Exclusions {
  std::vector<std::string> leases;  ///< that excluded owners held
  std::vector<std::string> agents;  ///< whose standing changed
};
/// Ends the leases of excluded owners and disables their agents, also those that were enrolled
/// later; enables the agents of those who were readmitted. Writes nothing when nothing changed.
Result<Exclusions> apply_exclusions(Leadership& leadership, pg::Connection& pg);

}  // namespace worldshare::dispatcher
