#include "verifier/cuda/lpips/split.cuh"
#include "verifier/cuda/lpips/tap.h"

namespace worldshare::verifier::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int kLanes = 8;  // threads of a pixel; each has 8 of 64 channels
constexpr int kPixelsAtOnce = kThreads / kLanes;
constexpr int kPixels = 8 * kPixelsAtOnce;  // of a block
constexpr float kLengthEpsilon = 1e-10F;

constexpr int pair_count(int replicas) { return replicas * (replicas - 1) / 2; }

__device__ float sum_of_lanes(float value) {
#pragma unroll
  for (int distance = 1; distance < kLanes; distance *= 2) {
    value += __shfl_xor_sync(0xFFFFFFFF, value, distance);
  }
  return value;
}

/// The reader of one pixel's features: chunk i of `lane`.
struct Features {
  const __half* base;
  std::size_t picture_stride;
  int lane;

  __device__ Eight read(int replica, int chunk) const {
    const __half* group = base + replica * picture_stride + (chunk * 2 + lane / 4) * kChunk;
    return load_split(group + lane % 4 * 8);
  }
};

template <int kReplicas>
__device__ void measure_lengths(const Features& features, int chunks, float (&scale)[kReplicas]) {
#pragma unroll
  for (int r = 0; r < kReplicas; ++r) {
    float sum = 0;
    for (int chunk = 0; chunk < chunks; ++chunk) {
      const Eight f = features.read(r, chunk);
#pragma unroll
      for (int i = 0; i < 8; ++i) sum = fmaf(f.v[i], f.v[i], sum);
    }
    scale[r] = 1.0F / (sqrtf(sum_of_lanes(sum)) + kLengthEpsilon);
  }
}

template <int kReplicas>
__device__ void compare(const Features& features,
                        const float* linear,
                        int chunks,
                        const float (&scale)[kReplicas],
                        float (&out)[pair_count(kReplicas)]) {
#pragma unroll
  for (float& sum : out) sum = 0;
  for (int chunk = 0; chunk < chunks; ++chunk) {
    Eight f[kReplicas];
#pragma unroll
    for (int r = 0; r < kReplicas; ++r) f[r] = features.read(r, chunk);
#pragma unroll
    for (int i = 0; i < 8; ++i) {
      const float weight = __ldg(linear + chunk * 64 + features.lane * 8 + i);
      int pair = 0;
#pragma unroll
      for (int a = 0; a < kReplicas; ++a) {
#pragma unroll
        for (int b = a + 1; b < kReplicas; ++b, ++pair) {
          const float d = __fmul_rn(f[a].v[i], scale[a]) - __fmul_rn(f[b].v[i], scale[b]);
          out[pair] = fmaf(weight * d, d, out[pair]);
        }
      }
    }
  }
}

/// The block's sum of each pair, in the order of the threads.
template <int kPairs>
__device__ void store_partials(const Tap& a, const double (&sums)[kPairs]) {
  __shared__ double shared[kPairs][kPixelsAtOnce];
  if (threadIdx.x % kLanes == 0) {
#pragma unroll
    for (int pair = 0; pair < kPairs; ++pair) shared[pair][threadIdx.x / kLanes] = sums[pair];
  }
  __syncthreads();
  const int pair = threadIdx.x;
  if (pair >= kPairs) return;
  double sum = 0;
  for (int i = 0; i < kPixelsAtOnce; ++i) sum += shared[pair][i];
  a.partials[(static_cast<std::size_t>(blockIdx.y) * kPairs + pair) * gridDim.x + blockIdx.x] = sum;
}

template <int kReplicas>
__global__ void __launch_bounds__(kThreads) tap_kernel(const Tap a) {
  constexpr int kPairs = pair_count(kReplicas);
  const std::size_t pixel_stride = static_cast<std::size_t>(a.groups) * kChunk;
  const std::size_t picture_stride = pixel_stride * a.pixels;
  const __half* unit = a.features + blockIdx.y * kReplicas * picture_stride;
  double sums[kPairs] = {};
  const int begin = blockIdx.x * kPixels + threadIdx.x / kLanes;
  for (int i = begin; i < begin + kPixels; i += kPixelsAtOnce) {
    const bool counts = i < a.count;  // the others go along for the shuffles' sake
    const int pixel = a.first + (counts ? i : 0);
    const Features features{unit + pixel * pixel_stride, picture_stride,
                            static_cast<int>(threadIdx.x % kLanes)};
    float scale[kReplicas];
    measure_lengths(features, a.groups / 2, scale);
    float pairs[kPairs];
    compare(features, a.linear, a.groups / 2, scale, pairs);
#pragma unroll
    for (int pair = 0; pair < kPairs; ++pair) {
      const float sum = sum_of_lanes(pairs[pair]);
      if (counts) sums[pair] += sum;
    }
  }
  store_partials(a, sums);
}

/// A warp for each pair of each unit.
__global__ void sum_kernel(const Tap a, int blocks) {
  const double* from = a.partials + static_cast<std::size_t>(blockIdx.x) * blocks;
  double sum = 0;
  for (int i = threadIdx.x; i < blocks; i += 32) sum += from[i];
#pragma unroll
  for (int distance = 16; distance > 0; distance /= 2) {
    sum += __shfl_xor_sync(0xFFFFFFFF, sum, distance);
  }
  if (threadIdx.x == 0) a.distances[blockIdx.x] += a.weight * sum;
}

int blocks_of(int pixels) { return (pixels + kPixels - 1) / kPixels; }

template <int kReplicas>
void launch(const Tap& a, cudaStream_t stream) {
  const dim3 grid(static_cast<unsigned>(blocks_of(a.count)), static_cast<unsigned>(a.units));
  tap_kernel<kReplicas><<<grid, kThreads, 0, stream>>>(a);
}

}  // namespace

std::size_t tap_partials(int pixels, int replicas, int units) {
  return static_cast<std::size_t>(blocks_of(pixels)) * pair_count(replicas) * units;
}

cudaError_t add_tap(const Tap& a, cudaStream_t stream) {
  switch (a.replicas) {
    case 2: launch<2>(a, stream); break;
    case 3: launch<3>(a, stream); break;
    case 4: launch<4>(a, stream); break;
    case 5: launch<5>(a, stream); break;
    default: return cudaErrorInvalidValue;
  }
  sum_kernel<<<static_cast<unsigned>(a.units * pair_count(a.replicas)), 32, 0, stream>>>(
      a, blocks_of(a.count));
  return cudaGetLastError();
}

}  // namespace worldshare::verifier::cuda
