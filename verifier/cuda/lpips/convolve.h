#pragma once

#include <cuda.h>
#include <cuda_fp16.h>
#include <cuda_runtime_api.h>

/// Convolutions on Hopper's tensor cores with the accuracy of single precision: every operand is
/// the sum of two halves, and three of the four products are added up in single precision.
///
/// Features are "split": channels in groups of kGroup, and of each pixel and group first the high
/// halves, then the low ones: [picture][y][x][group][high, low][kGroup].
namespace worldshare::verifier::cuda {

inline constexpr int kGroup = 32;             ///< channels
inline constexpr int kChunk = 2 * kGroup;     ///< halves of a group: 128 bytes
inline constexpr float kLargestHalf = 65504;  ///< features above are clamped

constexpr int groups(int channels) { return (channels + kGroup - 1) / kGroup; }

/// How the outputs are cut into tiles, one for a block of threads.
struct Tiling {
  int pixels = 0;
  int channels = 0;
  /// The input has no low halves: its groups are kChunk channels of high halves, and each tile of
  /// weights has the high halves of its channels, then the low ones.
  bool exact = false;
  constexpr int weight_rows() const { return exact ? 2 * channels : channels; }
};
Tiling choose_tiling(int channels, bool exact);

struct Convolve {
  CUtensorMap input;    ///< im2col: boxes of kChunk halves and tiling.pixels pixels
  CUtensorMap weights;  ///< boxes of kChunk halves and tiling.weight_rows() rows
  Tiling tiling;
  const float* bias = nullptr;  ///< of the channels up to a multiple of tiling.channels
  float scale = 1;              ///< of the sums, before the bias
  int kernel = 1;
  int pad = 0;
  int input_chunks = 1;  ///< of a pixel
  int width = 0;         ///< of the output, pixels
  int height = 0;
  int pixels = 0;            ///< of the output: pictures * height * width
  int tile_columns = 1;      ///< tiles beside each other: of channels
  __half* output = nullptr;  ///< split: its first group
  int output_groups = 0;     ///< that are written
  int output_stride = 0;     ///< halves from one pixel to the next
};

/// output = max(0, scale * sum + bias). Channel c of a group of weights is row
/// row_of_channel(c) of it. Needs compute capability 9.0; no memory, no synchronization.
cudaError_t convolve(const Convolve& arguments, int multiprocessors, cudaStream_t stream);

/// The order of a group's channels in which the tensor cores leave 8 neighbours in one thread.
constexpr int row_of_channel(int channel) {
  const int thread = channel / 8;
  const int pair = channel % 8 / 2;
  return 8 * pair + 2 * thread + channel % 2;
}

}  // namespace worldshare::verifier::cuda
