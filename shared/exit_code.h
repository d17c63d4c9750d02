#pragma once

#include "shared/result.h"

namespace worldshare {

// Exit codes of the services: 0 stopped as asked; 1 failed; 2 configuration or arguments are wrong;
// 3 a service that it needs does not answer.

/// Logs the error, if there is one, and returns the exit code that fits. For main.
int exit_code(const Result<>& outcome);

}  // namespace worldshare
