#pragma once

#include <span>
#include <vector>

#include "shared/result.h"
#include "verifier/metrics/metrics.h"

namespace worldshare::verifier {

/// The definitions of metrics.h written down plainly in double precision, one pair at a time: what
/// every backend is held to. Two pictures of one shape.
PairMetrics reference_metrics(const Picture& a, const Picture& b, const MetricsOptions& options);

}  // namespace worldshare::verifier
