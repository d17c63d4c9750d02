#pragma once

#include <cstdint>
#include <type_traits>

#include "verifier/cuda/compare.h"

/// How a comparison is cut into tasks, and where its parts lie in memory.
namespace worldshare::verifier::cuda {

inline constexpr int kColours = 3;
inline constexpr int kChunk = 32;    ///< columns that are staged at once
inline constexpr int kBand = 8;      ///< rows whose differences one warp counts
inline constexpr int kOutlier = 32;  ///< side of a block of CompareSizes
inline constexpr float kNoiseFloor = 0.05F;

template <class T>
inline constexpr bool kIsInteger =
    std::is_same_v<T, std::uint8_t> || std::is_same_v<T, std::uint16_t>;
template <class T>
inline constexpr bool kIsByte = std::is_same_v<T, std::uint8_t>;

/// What one task found out.
struct Partial {
  double dissimilarity;
  double float_sse;
  double float_alpha_sse;
  double low_pass;
  std::uint64_t sse;
  std::uint64_t alpha_sse;
  std::uint64_t mismatches;
};

/// What a launch works on.
struct Launch {
  CompareBatch batch;
  std::uint32_t strips;
  std::uint32_t segments;        ///< of a strip
  std::uint32_t segment_chunks;  ///< of a segment
  std::uint32_t chunks;          ///< of a row
  std::uint32_t bands;           ///< of kBand rows
  std::uint32_t noise_x;         ///< whole blocks of 16
  std::uint32_t noise_y;
  Partial* partials;          ///< [pair][strip][segment]
  float* energies;            ///< [pair][picture][2 noise_y][noise_x]: half blocks
  float* bands_sse;           ///< [pair][bands][chunks]
  std::uint32_t* noise_keys;  ///< [pair][noise_y * noise_x]
  float* blocks;              ///< [pair][blocks_y][blocks_x]
  PairSums* sums;
};

}  // namespace worldshare::verifier::cuda
