#pragma once

#include <optional>
#include <string>
#include <vector>

#include "dispatcher/economy/job.h"
#include "dispatcher/economy/job_queue.h"
#include "dispatcher/economy/unit.h"
#include "shared/pg/connection.h"
#include "shared/result.h"

namespace worldshare::dispatcher {

/// A job's row: the job while it is live, its final state after that.
struct JobRow {
  std::string id;
  std::string state;
  std::int64_t version = 0;  ///< grows when a person changed it
  std::optional<Job> job;    ///< while it is queued or active
};

struct JobVersion {
  std::string id;
  std::int64_t version = 0;
};

/// What PostgreSQL holds of jobs and open units, read only.
Result<std::vector<JobRow>> live_jobs(pg::Connection& pg);
Result<std::vector<JobRow>> jobs_by_id(pg::Connection& pg, const std::vector<std::string>& ids);
/// Jobs that were submitted or changed by a person since `version` or shortly before it.
Result<std::vector<JobVersion>> changed_jobs(pg::Connection& pg, std::int64_t version);
Result<std::vector<StoredUnit>> open_units(pg::Connection& pg,
                                           const std::vector<std::string>& jobs);
Result<std::vector<StoredUnit>> all_open_units(pg::Connection& pg);
/// From the columns of a unit's first frame and of its shard's text. kInternal: it is none.
Result<messages::Shard> read_shard(const pg::Rows& rows, int row, int frame, int shard);
/// Adds a replica of the unit's to what is known of it. Columns: unit, lease, agent, owner, slot,
/// state, whether it has an opinion, expiry and grant in ms of unix time, half, WS_AUDIT_COLUMNS.
void add_replica(StoredUnit& unit, const pg::Rows& rows, int row);
Result<std::vector<std::pair<std::string, TenantTerms>>> tenant_terms(pg::Connection& pg);

}  // namespace worldshare::dispatcher
