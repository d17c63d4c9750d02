#include <algorithm>

#include "verifier/cuda/lpips/convolve.h"
#include "verifier/cuda/lpips/copies.cuh"
#include "verifier/cuda/lpips/products.cuh"
#include "verifier/cuda/lpips/split.cuh"

namespace worldshare::verifier::cuda {
namespace {

constexpr int kRowBytes = kChunk * static_cast<int>(sizeof(__half));
constexpr int kConsumerGroups = 2;  // of 128 threads; one group more copies
constexpr int kGroupThreads = 128;
constexpr int kThreads = (kConsumerGroups + 1) * kGroupThreads;
constexpr int kConsumerWarps = kConsumerGroups * 4;
constexpr int kConsumerRegisters = 240;
constexpr int kCopyRegisters = 24;
constexpr int kTileAlignment = 1024;
constexpr int kSharedLimit = 227 * 1024;

/// A block of threads makes tiles of kPixels x kChannels outputs, one after the other. One thread
/// asks the copy engine for the next stages; two groups of threads multiply half of the pixels
/// each.
template <int kPixels, int kChannels, bool kExact>
struct Tile {
  static constexpr int kPixelBytes = kPixels * kRowBytes;
  static constexpr int kWeightBytes = (kExact ? 2 : 1) * kChannels * kRowBytes;
  static constexpr int kStageBytes = kPixelBytes + kWeightBytes;
  static constexpr int kStages = (kSharedLimit - 2 * kTileAlignment) / kStageBytes;
  static constexpr int kSharedBytes = kStages * kStageBytes + 2 * kTileAlignment;
  static constexpr int kBlocks = kPixels / kConsumerGroups / 64;  ///< of 64 pixels, in one group
  static constexpr int kSums = kChannels / 2;                     ///< of a thread, in one block
};

template <class T>
struct Shared {
  std::uint8_t* stages;
  std::uint64_t* full;
  std::uint64_t* empty;

  __device__ explicit Shared(std::uint8_t* memory) {
    const std::uint32_t misaligned = shared_address(memory) % kTileAlignment;
    stages = memory + (misaligned == 0 ? 0 : kTileAlignment - misaligned);
    full = reinterpret_cast<std::uint64_t*>(stages + T::kStages * T::kStageBytes);
    empty = full + T::kStages;
  }
  __device__ std::uint8_t* pixels(int stage) const { return stages + stage * T::kStageBytes; }
  __device__ std::uint8_t* weights(int stage) const { return pixels(stage) + T::kPixelBytes; }
};

/// Where a ring of stages is.
template <class T>
struct Cursor {
  int stage = 0;
  std::uint32_t parity = 0;
  __device__ void advance() {
    if (++stage == T::kStages) {
      stage = 0;
      parity ^= 1;
    }
  }
};

constexpr int tile_count(const Convolve& a) {
  return (a.pixels + a.tiling.pixels - 1) / a.tiling.pixels * a.tile_columns;
}

template <class T>
__device__ void copy_tile(const Convolve& a, const Shared<T>& shared, int tile, Cursor<T>& cursor) {
  const int row = tile % a.tile_columns * a.tiling.weight_rows();
  const int pixel = tile / a.tile_columns * a.tiling.pixels;
  const int x = pixel % a.width - a.pad;
  const int y = pixel / a.width % a.height - a.pad;
  const int picture = pixel / (a.width * a.height);
  const int chunks = a.kernel * a.kernel * a.input_chunks;
  for (int chunk = 0; chunk < chunks; ++chunk) {
    const int element = chunk / a.input_chunks;
    const PixelBox box{chunk % a.input_chunks * kChunk,
                       x,
                       y,
                       picture,
                       static_cast<std::uint16_t>(element % a.kernel),
                       static_cast<std::uint16_t>(element / a.kernel)};
    wait(&shared.empty[cursor.stage], cursor.parity ^ 1);
    arrive_and_expect(&shared.full[cursor.stage], T::kStageBytes);
    copy_pixels(shared.pixels(cursor.stage), &a.input, box, &shared.full[cursor.stage]);
    copy_rows(shared.weights(cursor.stage), &a.weights, chunk * kChunk, row,
              &shared.full[cursor.stage]);
    cursor.advance();
  }
}

/// part = pixels weights^T of one chunk: 32 channels of both halves.
template <int kSums>
__device__ void multiply_split(float (&part)[kSums], std::uint64_t pixels, std::uint64_t weights) {
  constexpr std::uint64_t kLow = kGroup / 16 * kStepOf16;
  multiply_tile<false>(part, pixels + kLow, weights);
  multiply_tile<true>(part, pixels, weights + kLow);
  multiply_tile<true>(part, pixels + kLow + kStepOf16, weights + kStepOf16);
  multiply_tile<true>(part, pixels + kStepOf16, weights + kLow + kStepOf16);
  multiply_tile<true>(part, pixels, weights);
  multiply_tile<true>(part, pixels + kStepOf16, weights + kStepOf16);
}

/// The same of 64 channels that have no low halves.
template <int kSums>
__device__ void multiply_exact(float (&part)[kSums], std::uint64_t pixels, std::uint64_t weights) {
  constexpr std::uint64_t kLowRows = (2 * kSums * kRowBytes) >> 4;
  multiply_tile<false>(part, pixels, weights + kLowRows);
#pragma unroll
  for (std::uint64_t k = 1; k < kChunk / 16; ++k) {
    multiply_tile<true>(part, pixels + k * kStepOf16, weights + kLowRows + k * kStepOf16);
  }
#pragma unroll
  for (std::uint64_t k = 0; k < kChunk / 16; ++k) {
    multiply_tile<true>(part, pixels + k * kStepOf16, weights + k * kStepOf16);
  }
}

template <bool kExact, int kSums>
__device__ void multiply(float (&part)[kSums], std::uint64_t pixels, std::uint64_t weights) {
  if constexpr (kExact) {
    multiply_exact(part, pixels, weights);
  } else {
    multiply_split(part, pixels, weights);
  }
}

/// One thread's part of a tile: of 32 channels it has 8 neighbours, in two rows of 64.
template <int kSums>
__device__ void store(const Convolve& a, const float (&sums)[kSums], int pixel, int channel) {
  const int lane = threadIdx.x % 32;
  const int first = channel + lane % 4 * 8;
  pixel += lane / 4;
#pragma unroll
  for (int group = 0; group < kSums / 16; ++group) {
    const int out_group = channel / kGroup + group;
    if (out_group >= a.output_groups) return;
    float bias[8];
    *reinterpret_cast<float4*>(bias) =
        __ldg(reinterpret_cast<const float4*>(a.bias + first + group * kGroup));
    *reinterpret_cast<float4*>(bias + 4) =
        __ldg(reinterpret_cast<const float4*>(a.bias + first + group * kGroup) + 1);
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      Eight out;
#pragma unroll
      for (int i = 0; i < 8; ++i) {
        const float sum = sums[group * 16 + i / 2 * 4 + half * 2 + i % 2];
        out.v[i] = fminf(fmaxf(fmaf(sum, a.scale, bias[i]), 0.0F), kLargestHalf);
      }
      const int row = pixel + half * 8;
      if (row >= a.pixels) continue;
      store_split(a.output + static_cast<std::size_t>(row) * a.output_stride + out_group * kChunk +
                      lane % 4 * 8,
                  out);
    }
  }
}

/// Adds a chunk's products. The tensor cores cut off what they add to a large sum, so they begin
/// each chunk with 0, and the sums over chunks are rounded here.
template <class T, bool kExact>
__device__ void add_chunk(const Shared<T>& shared, int stage, float (&sums)[T::kBlocks][T::kSums]) {
  const int group = threadIdx.x / kGroupThreads;
  const std::uint64_t weights = describe_tile(shared_address(shared.weights(stage)));
  const std::uint64_t pixels = describe_tile(shared_address(shared.pixels(stage)));
  float parts[T::kBlocks][T::kSums];
  products_begin();
#pragma unroll
  for (int block = 0; block < T::kBlocks; ++block) {
    const std::uint64_t offset = (group * T::kBlocks + block) * ((64 * kRowBytes) >> 4);
    multiply<kExact>(parts[block], pixels + offset, weights);
  }
  products_commit();
  products_wait();
  if (threadIdx.x % 32 == 0) arrive(&shared.empty[stage]);
#pragma unroll
  for (int block = 0; block < T::kBlocks; ++block) {
#pragma unroll
    for (int i = 0; i < T::kSums; ++i) sums[block][i] += parts[block][i];
  }
}

template <class T, bool kExact>
__device__ void make_tile(const Convolve& a, const Shared<T>& shared, int tile, Cursor<T>& cursor) {
  const int group = threadIdx.x / kGroupThreads;
  const int warp = threadIdx.x % kGroupThreads / 32;
  float sums[T::kBlocks][T::kSums] = {};
  const int chunks = a.kernel * a.kernel * a.input_chunks;
  for (int chunk = 0; chunk < chunks; ++chunk) {
    wait(&shared.full[cursor.stage], cursor.parity);
    add_chunk<T, kExact>(shared, cursor.stage, sums);
    cursor.advance();
  }
  const int first = tile / a.tile_columns * a.tiling.pixels + group * T::kBlocks * 64 + warp * 16;
#pragma unroll
  for (int block = 0; block < T::kBlocks; ++block) {
    store(a, sums[block], first + block * 64, tile % a.tile_columns * a.tiling.channels);
  }
}

template <class T, bool kExact>
__global__ void __launch_bounds__(kThreads, 1) convolve_kernel(const __grid_constant__ Convolve a) {
  extern __shared__ std::uint8_t memory[];
  const Shared<T> shared(memory);
  if (threadIdx.x == 0) {
    for (int i = 0; i < T::kStages; ++i) {
      init_barrier(&shared.full[i], 1);
      init_barrier(&shared.empty[i], kConsumerWarps);
    }
    barriers_ready();
  }
  __syncthreads();
  const int tiles = tile_count(a);
  Cursor<T> cursor;
  if (threadIdx.x >= kConsumerGroups * kGroupThreads) {
    give_registers<kCopyRegisters>();
    if (threadIdx.x != kConsumerGroups * kGroupThreads) return;
    for (int tile = blockIdx.x; tile < tiles; tile += gridDim.x) {
      copy_tile<T>(a, shared, tile, cursor);
    }
  } else {
    take_registers<kConsumerRegisters>();
    for (int tile = blockIdx.x; tile < tiles; tile += gridDim.x) {
      make_tile<T, kExact>(a, shared, tile, cursor);
    }
  }
}

template <int kPixels, int kChannels, bool kExact>
cudaError_t launch(const Convolve& a, int multiprocessors, cudaStream_t stream) {
  using T = Tile<kPixels, kChannels, kExact>;
  const auto kernel = convolve_kernel<T, kExact>;
  const cudaError_t set =
      cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, T::kSharedBytes);
  if (set != cudaSuccess) return set;
  kernel<<<std::min(tile_count(a), multiprocessors), kThreads, T::kSharedBytes, stream>>>(a);
  return cudaGetLastError();
}

}  // namespace

Tiling choose_tiling(int channels, bool exact) {
  if (exact || channels <= 64) return {256, 64, exact};
  return {128, channels % 192 == 0 ? 192 : 128, false};
}

cudaError_t convolve(const Convolve& a, int multiprocessors, cudaStream_t stream) {
  if (a.tiling.exact) return launch<256, 64, true>(a, multiprocessors, stream);
  switch (a.tiling.channels) {
    case 64: return launch<256, 64, false>(a, multiprocessors, stream);
    case 128: return launch<128, 128, false>(a, multiprocessors, stream);
    case 192: return launch<128, 192, false>(a, multiprocessors, stream);
    default: return cudaErrorInvalidValue;
  }
}

}  // namespace worldshare::verifier::cuda
