#include "verifier/cuda/compare.h"
#include "verifier/cuda/filters.cuh"
#include "verifier/cuda/finish.cuh"
#include "verifier/cuda/stage_bytes.cuh"
#include "verifier/cuda/stage_floats.cuh"

// One block of threads compares two pictures over a strip of rows, 32 columns after 32. Each warp
// owns a colour channel and 16 rows. A step of a warp is 8 columns: the window downwards (rows are
// the tensor cores' k), then across (columns are k), which needs no exchange between lanes because
// the result of one product is laid out as the left operand of the next.

namespace worldshare::verifier::cuda {
namespace {

/// Chunks in the making at once: two take one barrier a chunk, one takes two.
template <class T>
constexpr int kDepth = kIsByte<T> ? 2 : 1;

template <int C, class T>
struct Stage {
  Chunk<C, T> chunks[kDepth<T>];
  Errors<T> errors[kOwners];
  double dissimilarity[kThreads / 32];
};

/// What one block of threads works on.
struct Task {
  int row0;
  int first;  // chunk
  int end;    // chunk, not included
  int last_column;
  int valid_rows;

  __device__ explicit Task(const Launch& launch)
      : row0(static_cast<int>(blockIdx.x / launch.segments) * kTileRows),
        first(static_cast<int>(blockIdx.x % launch.segments * launch.segment_chunks)),
        end(static_cast<int>(
            min(static_cast<std::uint32_t>(first) + launch.segment_chunks, launch.chunks))),
        last_column(min(end * kChunk, static_cast<int>(launch.batch.width) - (kTaps - 1))),
        valid_rows(static_cast<int>(launch.batch.height) - (kTaps - 1) - row0) {}
};

/// The steps of one chunk: `step` takes a column of the chunk, whose 8 columns come in, and which
/// of the lane's four results count; the first argument of its template says that all do, the
/// second is the step's parity.
template <class Step>
__device__ void walk_chunk(const Task& task, int chunk, int my_row, const Step& step) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const int begin = chunk * kChunk - 16;  // the results lag two steps behind the columns
  if (chunk < task.end && begin >= task.first * kChunk && begin + kChunk <= task.last_column &&
      my_row + 16 <= task.valid_rows) {
    const bool ok[4] = {true, true, true, true};
#pragma unroll 1
    for (int column = 0; column < kChunk; column += 16) {
      step.template operator()<true, 0>(column, ok);
      step.template operator()<true, 1>(column + 8, ok);
    }
    return;
  }
  const auto edge_step = [&]<int kParity>(int column) {
    const int row = my_row + lane / 4;
    const int x = begin + column + lane % 4 * 2;
    const bool left = x >= task.first * kChunk && x < task.last_column;
    const bool right = x + 1 >= task.first * kChunk && x + 1 < task.last_column;
    const bool upper = row < task.valid_rows;
    const bool lower = row + 8 < task.valid_rows;
    const bool ok[4] = {left && upper, right && upper, left && lower, right && lower};
    step.template operator()<false, kParity>(column, ok);
  };
  const int columns = chunk < task.end ? kChunk : kChunk / 2;
#pragma unroll 1
  for (int column = 0; column < columns; column += 16) {
    edge_step.template operator()<0>(column);
    edge_step.template operator()<1>(column + 8);
  }
}

/// The sums of a task's warps, in a fixed order.
template <int C, class T>
__device__ Partial partial_of(const Stage<C, T>& stage, double share) {
  Partial partial{};
  for (const double part : stage.dissimilarity) partial.dissimilarity += part / share;
  for (const Errors<T>& errors : stage.errors) {
    partial.low_pass += static_cast<double>(errors.low_pass);
    partial.mismatches += errors.mismatches;
    if constexpr (kIsInteger<T>) {
      partial.sse += errors.colour;
      partial.alpha_sse += errors.alpha;
    } else {
      partial.float_sse += errors.colour;
      partial.float_alpha_sse += errors.alpha;
    }
  }
  return partial;
}

template <int C, class T, class Coding>
__global__ void __launch_bounds__(kThreads, 2) compare_kernel(Launch launch) {
  extern __shared__ unsigned char memory[];
  auto& shared = *reinterpret_cast<Stage<C, T>*>(memory);
  constexpr bool kTwoDeep = kDepth<T> == 2;
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const int warp = static_cast<int>(threadIdx.x) / 32;
  const std::uint32_t pair = blockIdx.y;
  const Task task(launch);
  const Place place;
  const int my_row = warp / kColours * 16;
  const std::ptrdiff_t my_rows = (warp % kColours * kRows + my_row + down_row(lane)) * kPitch;

  const Fetcher<C, T> fetcher(launch, pair, task.row0);
  const Window window(lane);
  const Constants constants = constants_of<T>();
  const Accumulator twice_c2 = pinned(2 * constants.c2);
  Similarity<kIsByte<T>> filters;
  Errors<T> total;
  double dissimilarity = 0;

  const auto chunk_of = [&](int chunk) -> Chunk<C, T>& { return shared.chunks[chunk % kDepth<T>]; };
  const auto stage_chunk = [&](int chunk) {
    const Band band(launch, pair, task.row0, chunk);
    const bool counts = place.owns && chunk < task.end;
    if constexpr (kIsByte<T>) {
      stage<C>(chunk_of(chunk), place, band, total, counts);
    } else {
      stage<Coding, C, T>(chunk_of(chunk), place, band, total, counts);
    }
  };

  fetcher.fetch(chunk_of(task.first), task.first);
  if constexpr (kTwoDeep) {
    copies_done();
    __syncthreads();
    stage_chunk(task.first);
    fetcher.fetch(chunk_of(task.first + 1), task.first + 1);
  }
  // The results of a segment's last columns need the next segment's first ones.
#pragma unroll 1
  for (int chunk = task.first; chunk <= task.end; ++chunk) {
    copies_done();
    __syncthreads();
    if constexpr (!kTwoDeep) {
      stage_chunk(chunk);
      __syncthreads();
    }
    if (chunk + kDepth<T> <= task.end) {
      fetcher.fetch(chunk_of(chunk + kDepth<T>), chunk + kDepth<T>);
    }
    float sum = 0;
    const __half* rows = &chunk_of(chunk).planes[0][0][0][0] + my_rows;
    walk_chunk(task, chunk, my_row, [&]<bool kAll, int kParity>(int column, const bool(&ok)[4]) {
      filters.template step<kAll, kParity>(window, rows + column, constants, twice_c2, ok, sum);
    });
    dissimilarity += static_cast<double>(sum);
    if (kTwoDeep && chunk < task.end) stage_chunk(chunk + 1);
  }

  dissimilarity = tree_sum(dissimilarity);
  if (lane == 0) shared.dissimilarity[warp] = dissimilarity;
  if (lane == 0 && warp < kOwners) shared.errors[warp] = total;
  __syncthreads();
  if (threadIdx.x == 0) {
    launch.partials[std::size_t{pair} * gridDim.x + blockIdx.x] =
        partial_of(shared, decltype(filters)::kShare);
  }
}

/// With e = 0.05 (R / 255)^2 and E the mean over 64 cells of 3 channels of a quarter of what the
/// kernel summed.
Scales scales_of(Sample sample) {
  const float peak = sample == Sample::kU8 ? 255.0F : sample == Sample::kU16 ? 65535.0F : 1.0F;
  return {kNoiseFloor * (peak / 255.0F) * (peak / 255.0F), 1.0F / (4 * 64 * kColours)};
}

std::uint32_t up(std::uint32_t a, std::uint32_t b) { return (a + b - 1) / b; }

Launch plan(const CompareBatch& batch) {
  Launch launch{};
  launch.batch = batch;
  launch.chunks = up(batch.width, kChunk);
  launch.bands = up(batch.height, kBand);
  launch.strips = up(batch.height, kTileRows);
  // Short enough to fill the device evenly, long enough because each costs half a chunk more at its
  // end.
  launch.segment_chunks = up(launch.chunks, up(launch.chunks, 30));
  launch.segments = up(launch.chunks, launch.segment_chunks);
  launch.noise_x = batch.width / 16;
  launch.noise_y = batch.height / 16;
  return launch;
}

std::size_t partial_bytes(const Launch& launch) {
  return sizeof(Partial) * launch.batch.pairs * launch.strips * launch.segments;
}
std::size_t energy_bytes(const Launch& launch) {
  return sizeof(float) * launch.batch.pairs * 4 * launch.noise_x * launch.noise_y;
}
std::size_t key_bytes(const Launch& launch) {
  return sizeof(std::uint32_t) * launch.batch.pairs * launch.noise_x * launch.noise_y;
}
std::size_t band_bytes(const Launch& launch) {
  return sizeof(float) * launch.batch.pairs * launch.bands * launch.chunks;
}

template <int C, class T, class Coding>
cudaError_t run(const Launch& launch, cudaStream_t stream) {
  constexpr int kBytes = sizeof(Stage<C, T>);
  static const cudaError_t allowed = cudaFuncSetAttribute(
      compare_kernel<C, T, Coding>, cudaFuncAttributeMaxDynamicSharedMemorySize, kBytes);
  if (allowed != cudaSuccess) return allowed;
  const dim3 grid(launch.strips * launch.segments, launch.batch.pairs);
  compare_kernel<C, T, Coding><<<grid, kThreads, kBytes, stream>>>(launch);
  finish_kernel<<<launch.batch.pairs, kFinishThreads, 0, stream>>>(launch,
                                                                   scales_of(launch.batch.sample));
  return cudaGetLastError();
}

template <int C>
cudaError_t run_sample(const Launch& launch, cudaStream_t stream) {
  const bool linear = launch.batch.linear;
  switch (launch.batch.sample) {
    case Sample::kU8: return run<C, std::uint8_t, LogCoding>(launch, stream);
    case Sample::kU16: return run<C, std::uint16_t, LogCoding>(launch, stream);
    case Sample::kF16:
      return linear ? run<C, __half, LinearCoding>(launch, stream)
                    : run<C, __half, LogCoding>(launch, stream);
    case Sample::kF32:
      return linear ? run<C, float, LinearCoding>(launch, stream)
                    : run<C, float, LogCoding>(launch, stream);
  }
  return cudaErrorInvalidValue;
}

}  // namespace

CompareSizes compare_sizes(const CompareBatch& batch) {
  const Launch launch = plan(batch);
  CompareSizes sizes;
  sizes.blocks_x = launch.chunks;
  sizes.blocks_y = up(batch.height, kOutlier);
  sizes.workspace =
      partial_bytes(launch) + energy_bytes(launch) + band_bytes(launch) + key_bytes(launch);
  sizes.sums = sizeof(PairSums) * batch.pairs;
  sizes.blocks = sizeof(float) * batch.pairs * sizes.blocks_x * sizes.blocks_y;
  return sizes;
}

cudaError_t compare(const CompareBatch& batch,
                    void* workspace,
                    PairSums* sums,
                    float* blocks,
                    cudaStream_t stream) {
  Launch launch = plan(batch);
  auto* memory = static_cast<unsigned char*>(workspace);
  launch.partials = reinterpret_cast<Partial*>(memory);
  launch.energies = reinterpret_cast<float*>(memory + partial_bytes(launch));
  launch.bands_sse =
      reinterpret_cast<float*>(memory + partial_bytes(launch) + energy_bytes(launch));
  launch.noise_keys = reinterpret_cast<std::uint32_t*>(memory + partial_bytes(launch) +
                                                       energy_bytes(launch) + band_bytes(launch));
  launch.blocks = blocks;
  launch.sums = sums;
  const bool rgb = batch.channels == 3;
  return rgb ? run_sample<3>(launch, stream) : run_sample<4>(launch, stream);
}

}  // namespace worldshare::verifier::cuda
