#pragma once

#include "verifier/cuda/launch.cuh"
#include "verifier/cuda/samples.cuh"
#include "verifier/cuda/tensor.cuh"

/// From pictures in device memory to halves in shared memory, and every figure that needs no
/// window.
namespace worldshare::verifier::cuda {

inline constexpr int kStrips = 2;  ///< of 16 rows
inline constexpr int kThreads = 32 * kColours * kStrips;
inline constexpr int kTileRows = 16 * kStrips;
inline constexpr int kRows = kTileRows + 16;  ///< the window needs 10 rows more
inline constexpr int kPitch =
    kChunk + 8;  ///< halves of a staged row; 80 bytes spread the rows over all banks
inline constexpr int kOwners = kTileRows / kBand;  ///< warps whose staged rows count in this task
inline constexpr int kStagers = kRows / kBand;     ///< warps that stage
/// What coded values of type T are multiplied by: the larger, the more of a small square a half
/// keeps, but s^2 must stay below its largest value, 65504. Codes of floats go up to 16, so |s| to
/// 31 times this; those of integers to 1.
template <class T>
inline constexpr float kScale = kIsInteger<T> ? 16.0F : 8.0F;

template <class T>
inline constexpr int kPlanes = kIsByte<T> ? 2 : 4;
template <int C, class T>
inline constexpr int kPieces =
    kChunk * C * static_cast<int>(sizeof(T)) / 16;  ///< of 16 bytes, in a row of a chunk

/// Chunk after chunk of the pictures' rows, as halves: s = a + b and d = a - b, and what the
/// halves lack, unless they are exact. Pitches keep accesses off each other's banks.
template <int C, class T>
struct Chunk {
  alignas(16) __half planes[kPlanes<T>][kColours][kRows][kPitch];
  alignas(16) unsigned char raw[2][kRows][kPieces<C, T> * 16 + 16];
};

/// One thread's part of bringing a task's rows to shared memory, 16 bytes after 16.
template <int C, class T>
class Fetcher {
 public:
  __device__ Fetcher(const Launch& launch, std::uint32_t pair, int row0)
      : stride_(launch.batch.stride_bytes),
        piece_(static_cast<int>(threadIdx.x) % kPieces<C, T> * 16) {
    row_ = static_cast<int>(threadIdx.x) / kPieces<C, T>;
    rows_ = static_cast<int>(launch.batch.height) - row0 - row_;
#pragma unroll
    for (int k = 0; k < 2; ++k) {
      from_[k] = launch.batch.pictures[2 * pair + k] +
                 static_cast<std::size_t>(row0 + row_) * stride_ + piece_;
    }
  }

  /// Asynchronous. Zeros where the picture ends.
  __device__ void fetch(Chunk<C, T>& into, int chunk) const {
    const auto offset = static_cast<std::uint32_t>(chunk) * (kPieces<C, T> * 16);
    const bool inside = offset + piece_ < stride_;
#pragma unroll
    for (int k = 0; k < 2; ++k) {
      const std::uint8_t* from = from_[k] + offset;
#pragma unroll
      for (int i = 0; i < (kRows + kStep - 1) / kStep; ++i, from += std::size_t{kStep} * stride_) {
        if (kRows % kStep != 0 && row_ + i * kStep >= kRows) break;
        const bool ok = inside && i * kStep < rows_;
        copy_async(&into.raw[k][row_ + i * kStep][piece_], ok ? from : from_[k], ok);
      }
    }
  }

 private:
  static constexpr int kStep = kThreads / kPieces<C, T>;  // rows
  static_assert(kThreads % kPieces<C, T> == 0);

  std::uint32_t stride_;
  std::uint32_t piece_;
  int row_;
  int rows_;  // from row_ to the picture's end
  const std::uint8_t* from_[2];
};

/// A warp's sums over its band of 8 rows; the same in all lanes.
template <class T>
struct Errors {
  using Sum = std::conditional_t<kIsInteger<T>, std::uint64_t, double>;
  using LowPass = std::conditional_t<kIsByte<T>, std::uint64_t, double>;
  Sum colour{};
  Sum alpha{};
  LowPass low_pass{};
  std::uint32_t mismatches = 0;
};

/// Sums over the warp's lanes; the same order always.
template <class T>
__device__ T tree_sum(T v) {
#pragma unroll
  for (int step = 16; step > 0; step /= 2) v += __shfl_xor_sync(~0U, v, step);
  return v;
}
__device__ inline std::uint64_t exact_sum(std::uint64_t v) {
  const std::uint64_t a = __reduce_add_sync(~0U, static_cast<std::uint32_t>(v & 0xffffU));
  const std::uint64_t b = __reduce_add_sync(~0U, static_cast<std::uint32_t>(v >> 16U & 0xffffU));
  const std::uint64_t c = __reduce_add_sync(~0U, static_cast<std::uint32_t>(v >> 32U));
  return a + (b << 16U) + (c << 32U);
}
/// Over the lanes of an 8x8 block.
template <class T>
__device__ T block_sum(T v) {
  v += __shfl_xor_sync(~0U, v, 1);
  v += __shfl_xor_sync(~0U, v, 8);
  return v + __shfl_xor_sync(~0U, v, 16);
}

/// Where a lane stands in its warp's band of a chunk: two rows of four pixels.
struct Place {
  int row;     ///< of the staged rows
  int column;  ///< of the chunk
  bool owns;   ///< the band counts here; otherwise it is only staged

  __device__ Place()
      : row(static_cast<int>(threadIdx.x) / 8 * 2),
        column(static_cast<int>(threadIdx.x) % 8 * 4),
        owns(threadIdx.x / 32 < kOwners) {}
};

/// Where the figures of a warp's band go.
struct Band {
  bool counts_low_pass;  ///< this lane speaks for a whole 8x8 block
  float* energy;         ///< this lane's half of a 16x16 block, of picture 0; null when it has none
  std::uint32_t energy_step;
  float* sse;  ///< where the band's squared differences go; in lane 0 alone

  __device__ Band(const Launch& launch, std::uint32_t pair, int row0, int chunk) {
    const auto lane = threadIdx.x % 32;
    const std::uint32_t band = static_cast<std::uint32_t>(row0) / kBand + threadIdx.x / 32;
    const std::uint32_t column = static_cast<std::uint32_t>(chunk) * kChunk + lane % 8 * 4;
    counts_low_pass = (lane & 0b11001U) == 0 && (band + 1) * kBand <= launch.batch.height &&
                      column + 8 <= launch.batch.width;
    energy_step = 2 * launch.noise_y * launch.noise_x;
    energy = nullptr;
    if ((lane & 0b11010U) == 0 && band < 2 * launch.noise_y && column / 16 < launch.noise_x) {
      energy = launch.energies + std::size_t{2} * pair * energy_step + band * launch.noise_x +
               column / 16;
    }
    sse = launch.bands_sse + std::size_t{pair} * launch.bands * launch.chunks +
          band * launch.chunks + static_cast<std::uint32_t>(chunk);
    if (lane != 0 || band >= launch.bands) sse = nullptr;
  }

  /// Takes the lanes' parts of the energies of two pictures. Lanes 0-3 and 4-7 of each row pair are
  /// 16 columns.
  __device__ void write_energies(float a, float b) const {
    // Even lanes go on with a, odd ones with b.
    const bool odd = threadIdx.x % 2 == 1;
    const float other = __shfl_xor_sync(~0U, odd ? a : b, 1);
    float v = (odd ? b : a) + other;
    v += __shfl_xor_sync(~0U, v, 2);
    v += __shfl_xor_sync(~0U, v, 8);
    v += __shfl_xor_sync(~0U, v, 16);
    if (energy != nullptr) energy[odd ? energy_step : 0] = v;
  }
};

__device__ inline void store4(__half* to, std::uint32_t a, std::uint32_t b) {
  *reinterpret_cast<uint2*>(to) = make_uint2(a, b);
}

}  // namespace worldshare::verifier::cuda
