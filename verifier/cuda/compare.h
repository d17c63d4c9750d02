#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>

/// The kernels' side of the metrics: plain structs, no errors but CUDA's own.
namespace worldshare::verifier::cuda {

enum class Sample : std::uint8_t { kU8, kU16, kF16, kF32 };

/// Pairs of pictures of one shape, compared by one launch.
struct CompareBatch {
  std::uint32_t width = 0;  ///< pixels, at least 11
  std::uint32_t height = 0;
  std::uint32_t stride_bytes = 0;  ///< of a row, a multiple of 64
  std::uint32_t channels = 3;      ///< 3: RGB, 4: RGBA
  Sample sample = Sample::kU8;
  /// Floats: as they are, clamped to [0, 16], which only benchmarks ask for; else log2(1 + x).
  bool linear = false;
  std::uint32_t pairs = 0;  ///< at most 65535
  /// Device memory: pair p is pictures[2 p] and pictures[2 p + 1], each aligned to 64 bytes.
  const std::uint8_t* const* pictures = nullptr;
};

/// The sums of one pair, from which the caller makes its figures.
struct PairSums {
  double dissimilarity = 0;     ///< 1 - SSIM over the valid support of all colour channels
  std::uint64_t sse = 0;        ///< integers: exact, colour
  std::uint64_t alpha_sse = 0;  ///< integers: exact, alpha
  double float_sse = 0;         ///< floats: of the coded values
  double float_alpha_sse = 0;   ///< floats
  double low_pass = 0;          ///< squared differences of the sums of whole 8x8 blocks
  double noise_ratio = 1;       ///< lower median of (E_b + e) / (E_a + e)
  std::uint64_t non_finite_mismatches = 0;
};

/// Sizes of what a launch needs in device memory, in bytes.
struct CompareSizes {
  std::size_t workspace = 0;
  std::size_t sums = 0;    ///< PairSums[pairs]
  std::size_t blocks = 0;  ///< float[pairs][blocks_y][blocks_x]: squared differences, 32x32 pixels
  std::uint32_t blocks_x = 0;
  std::uint32_t blocks_y = 0;
};
CompareSizes compare_sizes(const CompareBatch& batch);

/// Asynchronous; the memory must live until the stream has passed. The same input gives the same
/// bits. Thread-safe.
cudaError_t compare(
    const CompareBatch& batch, void* workspace, PairSums* sums, float* blocks, cudaStream_t stream);

}  // namespace worldshare::verifier::cuda
