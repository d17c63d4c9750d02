#include "verifier/opencv_cuda/opencv_cuda_metrics.h"

// In the place of opencv_cuda_metrics.cc where OpenCV has no CUDA modules.

namespace worldshare::verifier {

Result<std::unique_ptr<Metrics>> make_opencv_cuda_metrics(const MetricsOptions&) {
  return fail(Errc::kUnavailable, "this program was built with an OpenCV without CUDA modules");
}

}  // namespace worldshare::verifier
