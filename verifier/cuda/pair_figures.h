#pragma once

#include <span>

#include "verifier/cuda/compare.h"
#include "verifier/metrics/metrics.h"

namespace worldshare::verifier::cuda {

/// The figures of metrics.h from what the kernels summed; `blocks` are the pair's squared
/// differences, row by row.
PairMetrics pair_figures(const PairSums& sums, std::span<const float> blocks, const Shape& shape);

}  // namespace worldshare::verifier::cuda
