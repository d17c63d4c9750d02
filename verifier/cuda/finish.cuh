#pragma once

#include "verifier/cuda/staging.cuh"

/// From what the tasks found to one PairSums a pair: one block of threads each, in a fixed order.
namespace worldshare::verifier::cuda {

inline constexpr int kFinishThreads = 1024;

/// The sum over the block in a fixed order, in thread 0.
template <class T>
__device__ T block_total(T v, T (&shared)[kFinishThreads / 32]) {
  v = tree_sum(v);
  if (threadIdx.x % 32 == 0) shared[threadIdx.x / 32] = v;
  __syncthreads();
  T sum{};
  if (threadIdx.x == 0) {
    for (const T& part : shared) sum += part;
  }
  __syncthreads();
  return sum;
}

/// The noise floor e, and what makes E of a sum of energies.
struct Scales {
  float floor;
  float energy;
};

struct Selection {
  std::uint32_t bins[256];
  std::uint32_t prefix;
  std::uint32_t rank;
};

/// The first warp finds the bin that holds the value of rank `rank` and goes on within it.
__device__ inline void choose_bin(Selection& selection, int shift) {
  const auto lane = threadIdx.x;
  std::uint32_t own = 0;
#pragma unroll
  for (int i = 0; i < 8; ++i) own += selection.bins[lane * 8 + i];
  std::uint32_t before = own;
#pragma unroll
  for (int step = 1; step < 32; step *= 2) {
    const std::uint32_t other = __shfl_up_sync(~0U, before, step);
    if (lane >= step) before += other;
  }
  before -= own;
  const std::uint32_t rank = selection.rank;
  __syncwarp();
  if (rank < before || rank >= before + own) return;
  std::uint32_t bin = lane * 8;
  std::uint32_t rest = rank - before;
  while (rest >= selection.bins[bin]) rest -= selection.bins[bin++];
  selection.rank = rest;
  selection.prefix |= bin << shift;
}

/// The lower median of (E_b + e) / (E_a + e), by four rounds of a radix select on the bits of
/// positive floats, which are ordered as integers.
__device__ inline float noise_median(const Launch& launch, std::size_t pair, const Scales& scales) {
  __shared__ Selection selection;
  const std::uint32_t count = launch.noise_x * launch.noise_y;
  if (count == 0) return 1.0F;
  const float* ea = launch.energies + pair * 4 * count;
  const float* eb = ea + 2 * count;
  std::uint32_t* keys = launch.noise_keys + pair * count;
  for (std::uint32_t i = threadIdx.x; i < count; i += kFinishThreads) {
    const std::size_t at =
        std::size_t{i / launch.noise_x} * 2 * launch.noise_x + i % launch.noise_x;
    const float of_a = fmaf(ea[at] + ea[at + launch.noise_x], scales.energy, scales.floor);
    const float of_b = fmaf(eb[at] + eb[at + launch.noise_x], scales.energy, scales.floor);
    keys[i] = __float_as_uint(__fdiv_rn(of_b, of_a));
  }
  if (threadIdx.x == 0) {
    selection.prefix = 0;
    selection.rank = (count - 1) / 2;
  }
  for (int shift = 24; shift >= 0; shift -= 8) {
    for (std::uint32_t i = threadIdx.x; i < 256; i += kFinishThreads) selection.bins[i] = 0;
    __syncthreads();
    const std::uint32_t prefix = selection.prefix;
    const std::uint32_t mask = shift == 24 ? 0 : ~0U << (shift + 8);
    for (std::uint32_t i = threadIdx.x; i < count; i += kFinishThreads) {
      if ((keys[i] & mask) == prefix) atomicAdd(&selection.bins[keys[i] >> shift & 255U], 1U);
    }
    __syncthreads();
    if (threadIdx.x < 32) choose_bin(selection, shift);
    __syncthreads();
  }
  return __uint_as_float(selection.prefix);
}

/// Adds bands up to blocks.
__device__ inline void sum_blocks(const Launch& launch, std::size_t pair) {
  constexpr std::uint32_t kBandsOfBlock = kOutlier / kBand;
  const std::uint32_t rows = (launch.bands + kBandsOfBlock - 1) / kBandsOfBlock;
  const float* bands = launch.bands_sse + pair * launch.bands * launch.chunks;
  float* blocks = launch.blocks + pair * rows * launch.chunks;
  for (std::uint32_t i = threadIdx.x; i < rows * launch.chunks; i += kFinishThreads) {
    const std::uint32_t first = i / launch.chunks * kBandsOfBlock;
    float sum = 0;
    for (std::uint32_t band = first; band < min(first + kBandsOfBlock, launch.bands); ++band) {
      sum += bands[band * launch.chunks + i % launch.chunks];
    }
    blocks[i] = sum;
  }
}

static __global__ void __launch_bounds__(kFinishThreads)
    finish_kernel(Launch launch, Scales scales) {
  __shared__ double doubles[kFinishThreads / 32];
  __shared__ std::uint64_t integers[kFinishThreads / 32];
  const std::uint32_t pair = blockIdx.x;
  const std::uint32_t tasks = launch.strips * launch.segments;
  const Partial* partials = launch.partials + std::size_t{pair} * tasks;
  Partial sum{};
  for (std::uint32_t i = threadIdx.x; i < tasks; i += kFinishThreads) {
    const Partial& part = partials[i];
    sum.dissimilarity += part.dissimilarity;
    sum.float_sse += part.float_sse;
    sum.float_alpha_sse += part.float_alpha_sse;
    sum.low_pass += part.low_pass;
    sum.sse += part.sse;
    sum.alpha_sse += part.alpha_sse;
    sum.mismatches += part.mismatches;
  }
  PairSums out;
  out.dissimilarity = block_total(sum.dissimilarity, doubles);
  out.float_sse = block_total(sum.float_sse, doubles);
  out.float_alpha_sse = block_total(sum.float_alpha_sse, doubles);
  out.low_pass = block_total(sum.low_pass, doubles);
  out.sse = block_total(sum.sse, integers);
  out.alpha_sse = block_total(sum.alpha_sse, integers);
  out.non_finite_mismatches = block_total(sum.mismatches, integers);
  out.noise_ratio = noise_median(launch, pair, scales);
  sum_blocks(launch, pair);
  if (threadIdx.x == 0) launch.sums[pair] = out;
}

}  // namespace worldshare::verifier::cuda
