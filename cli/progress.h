#pragma once

#include <functional>
#include <stop_token>
#include <string>

#include "cli/api_client.h"

namespace worldshare::cli {

/// Follows a job until it is completed or failed, with a progress bar on a terminal and a line for
/// each change elsewhere. kTimeout when `stop` was requested; kUnavailable with the text of
/// `broken` once it returns one.
Result<wire::JobStatusT> watch(
    const ApiClient& api,
    const std::string& job,
    std::stop_token stop,
    const std::function<std::string()>& broken = [] { return std::string(); });

/// "[#####.....]  5/12 frames  10/24 replicas  31.2 frames/min  ETA 0:14"
std::string progress_text(const wire::JobStatusT& status, int bar_width);

/// "0:07", "12:34", "3:00:01"
std::string duration_text(double seconds);

}  // namespace worldshare::cli
