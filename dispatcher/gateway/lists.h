#pragma once

#include <string>

#include "dispatcher/board.h"
#include "shared/messages/messages.h"
#include "shared/pg/connection.h"
#include "shared/result.h"

namespace worldshare::dispatcher {

/// The newest jobs of a tenant, unfinished ones first. `limit` at most.
Result<wire::JobListT> job_list(pg::Connection& pg, const std::string& tenant, int limit);
/// A job's units, those that are not accepted first. kNotFound.
Result<wire::UnitListT> unit_list(pg::Connection& pg,
                                  const std::string& tenant,
                                  const std::string& job,
                                  int limit);
/// All agents with what they told, their work and their history.
Result<wire::NodeListT> node_list(pg::Connection& pg, int limit);
wire::QueueT queue_status(const Board::Notice& notice);

}  // namespace worldshare::dispatcher
