#pragma once

#include <memory>

#include "verifier/metrics/kernels/kernels.h"
#include "verifier/metrics/metrics.h"

namespace worldshare::verifier {

/// As make_cpu_metrics(), with the kernels of one instruction set, which must be available.
std::unique_ptr<Metrics> make_cpu_metrics(const MetricsOptions& options,
                                          const kernels::Kernels& kernels);

}  // namespace worldshare::verifier
