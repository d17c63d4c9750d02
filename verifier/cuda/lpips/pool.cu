#include "verifier/cuda/lpips/pool.h"
#include "verifier/cuda/lpips/split.cuh"

namespace worldshare::verifier::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int kSlices = kGroup / 8;  // of a group

/// A thread makes 8 channels of a pixel.
__global__ void __launch_bounds__(kThreads) pool_kernel(const Pool a) {
  const auto index = static_cast<std::size_t>(blockIdx.x) * kThreads + threadIdx.x;
  const int slices = a.groups * kSlices;
  const std::size_t pixel = index / slices;
  const auto slice = static_cast<int>(index % slices);
  const std::size_t pixels = static_cast<std::size_t>(a.out_width) * a.out_height;
  if (pixel >= pixels * a.pictures) return;
  const std::size_t picture = pixel / pixels;
  const auto place = static_cast<int>(pixel % pixels);
  const int x = place % a.out_width * 2;
  const int y = place / a.out_width * 2;
  const int offset = slice / kSlices * kChunk + slice % kSlices * 8;
  Eight highest = {};  // of values that are not negative
#pragma unroll
  for (int i = 0; i < 9; ++i) {
    const int from_x = min(x + i % 3, a.width - 1);
    const int from_y = min(y + i / 3, a.height - 1);
    const std::size_t from = (picture * a.height + from_y) * a.width + from_x;
    const Eight values = load_split(a.input + from * a.groups * kChunk + offset);
#pragma unroll
    for (int c = 0; c < 8; ++c) highest.v[c] = fmaxf(highest.v[c], values.v[c]);
  }
  store_split(a.output + pixel * a.groups * kChunk + offset, highest);
}

}  // namespace

cudaError_t pool(const Pool& a, cudaStream_t stream) {
  const std::size_t threads =
      static_cast<std::size_t>(a.out_width) * a.out_height * a.pictures * a.groups * kSlices;
  pool_kernel<<<static_cast<unsigned>((threads + kThreads - 1) / kThreads), kThreads, 0, stream>>>(
      a);
  return cudaGetLastError();
}

}  // namespace worldshare::verifier::cuda
