#include "verifier/cuda/lpips/split.cuh"
#include "verifier/cuda/lpips/unfold.h"

namespace worldshare::verifier::cuda {
namespace {

constexpr int kThreads = 256;

// IEC 61966-2-1; NaN is 0.
__device__ float srgb_encoded(float linear) {
  if (!(linear > 0)) return 0;
  if (linear >= 1) return 1;
  if (linear <= 0.0031308F) return 12.92F * linear;
  return 1.055F * powf(linear, 1 / 2.4F) - 0.055F;
}

template <Depth kDepth>
__device__ float sample(const std::uint8_t* row, std::size_t index) {
  constexpr float kScale = kSampleScale;
  constexpr float kOffset = kSampleOffset;
  if constexpr (kDepth == Depth::kU8) return row[index] + kOffset;
  if constexpr (kDepth == Depth::kU16) {
    return fmaf(reinterpret_cast<const std::uint16_t*>(row)[index], kScale / 65535, kOffset);
  }
  if constexpr (kDepth == Depth::kF16) {
    const float linear = __half2float(reinterpret_cast<const __half*>(row)[index]);
    return fmaf(srgb_encoded(linear), kScale, kOffset);
  }
  return fmaf(srgb_encoded(reinterpret_cast<const float*>(row)[index]), kScale, kOffset);
}

/// One channel of the patch whose first pixel is (x, y).
template <Depth kDepth, int kSide, bool kMask>
__device__ float patch_channel(
    const Unfold& a, const std::uint8_t* picture, int x, int y, int channel) {
  constexpr int kColours = 3 * kSide * kSide;
  constexpr int kChannels = kColours + (kMask ? kSide * kSide : 0);
  if (channel >= kChannels) return 0;
  const bool mask = channel >= kColours;
  const int pixel = mask ? channel - kColours : channel / 3;
  x += pixel % kSide;
  y += pixel / kSide;
  if (x < 0 || y < 0 || x >= a.width || y >= a.height) return 0;
  if (mask) return 1;
  const int colour = a.channels < 3 ? 0 : channel % 3;
  return sample<kDepth>(picture + y * a.stride, static_cast<std::size_t>(x) * a.channels + colour);
}

/// A thread makes 8 channels of a patch.
template <Depth kDepth, int kSide, int kStep, int kPad, bool kMask, bool kExact>
__global__ void __launch_bounds__(kThreads) unfold_kernel(const __grid_constant__ Unfold a) {
  constexpr int kSlices = kMask ? 8 : 4;
  const auto index = static_cast<std::size_t>(blockIdx.x) * kThreads + threadIdx.x;
  const std::size_t patch = index / kSlices;
  const auto slice = static_cast<int>(index % kSlices);
  const std::size_t patches = static_cast<std::size_t>(a.out_width) * a.out_height;
  if (patch >= patches * a.count) return;
  const auto place = static_cast<int>(patch % patches);
  const int x = place % a.out_width * kStep - kPad;
  const int y = place / a.out_width * kStep - kPad;
  const std::uint8_t* picture = a.pictures[patch / patches];
  Eight out;
#pragma unroll
  for (int i = 0; i < 8; ++i) {
    out.v[i] = patch_channel<kDepth, kSide, kMask>(a, picture, x, y, slice * 8 + i);
  }
  if constexpr (kExact) {
    std::uint32_t halves[4];
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      halves[i] = pack(__float2half_rn(out.v[2 * i]), __float2half_rn(out.v[2 * i + 1]));
    }
    *reinterpret_cast<uint4*>(a.output + (patch * kSlices + slice) * 8) =
        make_uint4(halves[0], halves[1], halves[2], halves[3]);
  } else {
    store_split(a.output + (patch * kSlices / 4 + slice / 4) * kChunk + slice % 4 * 8, out);
  }
}

template <Depth kDepth, int kSide, int kStep, int kPad, bool kMask, bool kExact>
cudaError_t launch(const Unfold& a, cudaStream_t stream) {
  const std::size_t threads =
      static_cast<std::size_t>(a.out_width) * a.out_height * a.count * (kMask ? 8 : 4);
  const auto blocks = static_cast<unsigned>((threads + kThreads - 1) / kThreads);
  unfold_kernel<kDepth, kSide, kStep, kPad, kMask, kExact><<<blocks, kThreads, 0, stream>>>(a);
  return cudaGetLastError();
}

template <Depth kDepth>
cudaError_t launch_depth(const Unfold& a, const Patches& patches, cudaStream_t stream) {
  if (!patches.mask) return launch<kDepth, 3, 2, 0, false, false>(a, stream);
  if constexpr (kDepth == Depth::kU8) {
    if (a.exact) return launch<kDepth, 4, 4, 2, true, true>(a, stream);
  }
  return launch<kDepth, 4, 4, 2, true, false>(a, stream);
}

}  // namespace

cudaError_t unfold(const Unfold& a, const Patches& patches, cudaStream_t stream) {
  switch (a.depth) {
    case Depth::kU8: return launch_depth<Depth::kU8>(a, patches, stream);
    case Depth::kU16: return launch_depth<Depth::kU16>(a, patches, stream);
    case Depth::kF16: return launch_depth<Depth::kF16>(a, patches, stream);
    case Depth::kF32: return launch_depth<Depth::kF32>(a, patches, stream);
  }
  return cudaErrorInvalidValue;
}

}  // namespace worldshare::verifier::cuda
