#pragma once

#include <memory>

#include "verifier/image/picture_memory.h"
#include "verifier/metrics/metrics.h"

namespace worldshare::verifier {

struct CudaMetricsOptions {
  int device = 0;
  /// Device memory for pictures and results. Units that do not fit go to the CPU.
  std::size_t device_bytes = std::size_t{2} << 30;
  std::size_t batch_pairs = 64;  ///< of one launch, at most
};

/// On a GPU of compute capability 8.0 or later. Calls from many threads form batches by themselves:
/// whatever waits when a stream is free goes as one, so a lone call does not wait for others. Three
/// streams, so that copies of one batch overlap the kernels of another. What the kernels do not
/// take (1 or 2 channels, a side below 11 pixels, ssim_reflect, Coding::kLinear) and, after a fault
/// of the device, everything is measured by the CPU. kUnavailable without such a GPU.
Result<std::unique_ptr<Metrics>> make_cuda_metrics(const MetricsOptions& options,
                                                   const CudaMetricsOptions& cuda);

/// Page-locked memory, from which copies to the device run at full speed; up to `limit_bytes` of
/// it, which stays allocated for reuse, and the heap beyond.
std::unique_ptr<PictureMemory> make_pinned_memory(std::size_t limit_bytes);

}  // namespace worldshare::verifier
