#pragma once

#include <stop_token>
#include <string>

#include "cli/api_client.h"

namespace worldshare::cli {

/// Follows a job until it is completed or failed, with a progress bar on a terminal and a line for
/// each change elsewhere. kTimeout when `stop` was requested.
Result<wire::JobStatusT> watch(const ApiClient& api, const std::string& job, std::stop_token stop);

/// "[#####.....]  5/12 frames  10/24 replicas  31.2 frames/min  ETA 0:14"
std::string progress_text(const wire::JobStatusT& status, int bar_width);

/// "0:07", "12:34", "3:00:01"
std::string duration_text(double seconds);

}  // namespace worldshare::cli
