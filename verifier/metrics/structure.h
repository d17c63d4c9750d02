#pragma once

#include <vector>

#include "verifier/metrics/differences.h"
#include "verifier/metrics/kernels/kernels.h"

namespace worldshare::verifier {

/// The second pass: SSIM of every pair as metrics.h defines it, in the least precision that keeps
/// its error below 1e-6.
std::vector<double> mean_ssim(const kernels::Kernels& kernels,
                              const kernels::Replicas& all,
                              bool reflect,
                              const Spread& spread);

}  // namespace worldshare::verifier
