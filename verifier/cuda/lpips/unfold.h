#pragma once

#include <cuda_fp16.h>
#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>

#include "verifier/image/picture.h"

/// From pictures to what the first convolution multiplies.
namespace worldshare::verifier::cuda {

/// Pictures that one launch takes.
inline constexpr int kMaxPictures = 64;

/// How a trunk's first convolution sees a picture: as patches of neighbouring pixels, one channel
/// for each pixel and colour, so that the stride goes away.
struct Patches {
  int side = 0;  ///< pixels
  int step = 0;  ///< from one patch to the next, pixels
  int pad = 0;   ///< of the first patch beyond the picture, pixels
  /// One channel more for each pixel that is 1 within the picture and 0 beyond it.
  bool mask = false;
  constexpr int channels() const { return side * side * (mask ? 4 : 3); }
};
inline constexpr Patches kAlexPatches = {4, 4, 2, true};
inline constexpr Patches kSqueezePatches = {3, 2, 0, false};

/// A colour sample is 255 u - 128 for u in [0, 1]; see Lpips. Beyond the picture it is 0.
inline constexpr double kSampleScale = 255;
inline constexpr double kSampleOffset = -128;

struct Unfold {
  const std::uint8_t* pictures[kMaxPictures] = {};  ///< device memory: their first rows
  int count = 0;
  Depth depth = Depth::kU8;
  int channels = 3;  ///< of a picture
  int width = 0;     ///< pixels
  int height = 0;
  std::size_t stride = 0;  ///< bytes from one row to the next
  int out_width = 0;       ///< patches
  int out_height = 0;
  /// Only high halves, which hold samples of 8 bits exactly: [picture][y][x][2 kGroup]. Only for
  /// 8-bit pictures and kAlexPatches. Otherwise split; see convolve.h.
  bool exact = false;
  __half* output = nullptr;
};

/// Asynchronous.
cudaError_t unfold(const Unfold& arguments, const Patches& patches, cudaStream_t stream);

}  // namespace worldshare::verifier::cuda
