#pragma once

#include <memory>

#include "shared/result.h"
#include "verifier/metrics/metrics.h"

namespace worldshare::verifier {

/// PSNR and SSIM of 8- and 16-bit pictures by OpenCV's CUDA modules, every other figure and float
/// pictures by the CPU: a peer to check and to measure against, not a backend for farms. SSIM in
/// single precision, so only to about 1e-4 where a picture is flat. One measurement at a time.
/// kUnavailable: OpenCV was built without them (as in distributions), or there is no device.
Result<std::unique_ptr<Metrics>> make_opencv_cuda_metrics(const MetricsOptions& options);

}  // namespace worldshare::verifier
