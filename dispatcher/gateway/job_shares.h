#pragma once

#include <string>
#include <vector>

#include "dispatcher/gateway/recent.h"
#include "shared/messages/messages.h"
#include "shared/pg/connection.h"

namespace worldshare::dispatcher {

/// Who rendered how much of a job. All of its replicas are read for it.
struct JobShares {
  std::vector<wire::OwnerShareT> owners;  ///< by name
  std::uint32_t reported = 0;             ///< replicas that were reported
  double consensus_rate = 0;              ///< agreed / judged replicas
};

/// At most two seconds old, or older by 20 times what counting takes. `state` is the job's: a job
/// that has ended since is counted anew.
Result<JobShares> job_shares(pg::Connection& pg,
                             Recent<JobShares>& recent,
                             const std::string& job,
                             const std::string& state);

}  // namespace worldshare::dispatcher
