#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "verifier/cuda/lpips/unfold.h"
#include "verifier/lpips/network.h"

namespace worldshare::verifier::cuda {

/// A convolution's weights in the order in which convolve() reads them, in host memory.
struct PackedWeights {
  std::vector<std::uint16_t> halves;  ///< [row][chunk][kChunk]
  std::vector<float> bias;            ///< of `channels`
  float scale = 1;                    ///< the weights are multiples of it
  int channels = 0;                   ///< outputs, with those that fill the last tile: they are 0
  int rows = 0;
  int chunks = 0;        ///< of a row
  int input_chunks = 0;  ///< of a pixel
  int kernel = 1;
  int pad = 0;
};

/// Of split features.
PackedWeights pack(const Convolution& convolution);

/// A trunk's first convolution as one of patches; see unfold.h. `exact` as there.
PackedWeights pack_first(const Convolution& convolution, const Patches& patches, bool exact);

}  // namespace worldshare::verifier::cuda
