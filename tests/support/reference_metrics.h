#pragma once

#include "verifier/metrics/metrics.h"

namespace worldshare::testing {

/// The definitions of metrics.h written down plainly in double precision, one pair at a time: what
/// every backend is held to. Two pictures of one shape.
verifier::PairMetrics reference_metrics(const verifier::Picture& a,
                                        const verifier::Picture& b,
                                        const verifier::MetricsOptions& options);

}  // namespace worldshare::testing
