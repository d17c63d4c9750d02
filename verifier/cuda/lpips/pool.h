#pragma once

#include <cuda_fp16.h>
#include <cuda_runtime_api.h>

namespace worldshare::verifier::cuda {

/// The maximum of 3x3 pixels with stride 2; what lies beyond the lower and right edge is left out.
/// Split features in and out; see convolve.h.
struct Pool {
  const __half* input = nullptr;
  int width = 0;
  int height = 0;
  __half* output = nullptr;
  int out_width = 0;
  int out_height = 0;
  int groups = 0;  ///< of channels
  int pictures = 0;
};

/// Asynchronous.
cudaError_t pool(const Pool& arguments, cudaStream_t stream);

}  // namespace worldshare::verifier::cuda
