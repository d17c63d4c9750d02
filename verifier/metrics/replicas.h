#pragma once

#include <span>

#include "shared/result.h"
#include "verifier/metrics/kernels/kernels.h"
#include "verifier/metrics/metrics.h"

namespace worldshare::verifier {

/// The pictures as the kernels see them, as long as they live. kInvalid as Metrics::measure().
Result<kernels::Replicas> view_replicas(std::span<const Picture> pictures, Coding coding);

}  // namespace worldshare::verifier
