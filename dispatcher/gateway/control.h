#pragma once

#include <string>

#include "shared/messages/messages.h"
#include "shared/pg/connection.h"
#include "shared/result.h"

namespace worldshare::dispatcher {

/// What a person does to a job or an agent, each as one transaction. The economy learns of it by a
/// nudge, and by itself a few seconds later. kNotFound; kInvalid "field: what to do"; kConflict
/// when the job's state does not allow it.
Result<wire::ControlDoneT> control_job(pg::Connection& pg,
                                       const std::string& tenant,
                                       const std::string& job,
                                       const wire::JobControlT& control);
Result<> control_node(pg::Connection& pg,
                      const std::string& agent,
                      const wire::NodeControlT& control);

}  // namespace worldshare::dispatcher
