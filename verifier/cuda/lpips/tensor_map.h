#pragma once

#include <cuda.h>

#include "shared/result.h"
#include "verifier/cuda/lpips/convolve.h"

namespace worldshare::verifier::cuda {

/// Features in device memory; see convolve.h. `chunks` of kChunk halves make a pixel.
struct FeatureSpace {
  __half* data = nullptr;
  int chunks = 0;
  int width = 0;
  int height = 0;
  int pictures = 0;
};

/// Describes tensors to the copy engine, with the driver's own functions.
class TensorMaps {
 public:
  /// kUnavailable without a driver for CUDA 12 or later.
  static Result<TensorMaps> load();

  /// Boxes of `pixels` pixels that one element of a kernel of `kernel` x `kernel` sees, with `pad`
  /// zeros around.
  Result<CUtensorMap> pixels(const FeatureSpace& features, int kernel, int pad, int pixels) const;
  /// Boxes of `box_rows` rows of one chunk.
  Result<CUtensorMap> rows(void* data, int chunks, int rows, int box_rows) const;

 private:
  decltype(&cuTensorMapEncodeIm2col) im2col_ = nullptr;
  decltype(&cuTensorMapEncodeTiled) tiled_ = nullptr;
};

}  // namespace worldshare::verifier::cuda
