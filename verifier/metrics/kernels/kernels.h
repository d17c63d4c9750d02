#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "verifier/metrics/metrics.h"

/// The inner loops of the CPU's metrics, compiled once for each instruction set. The files that are
/// compiled for a newer set see plain structs and pointers only: a function of the standard library
/// that is instantiated there could replace the one that every processor understands.
namespace worldshare::verifier::kernels {

inline constexpr std::size_t kMaxPairs = kMaxReplicas * (kMaxReplicas - 1) / 2;
inline constexpr std::uint32_t kWindow = 11;  ///< pixels a side

/// Pictures of one shape. Rows as in Picture.
struct Replicas {
  const std::byte* data[kMaxReplicas] = {};
  std::uint32_t count = 0;
  std::size_t stride = 0;  ///< bytes
  std::uint32_t width = 0;
  std::uint32_t height = 0;
  std::uint32_t channels = 0;
  std::uint32_t colours = 0;  ///< 1 or 3; one channel more is alpha
  Depth depth = Depth::kU8;
  bool log = false;  ///< floats are compared as log2(1 + x)
  double peak = 0;
};

/// Columns of pixels; of the map of SSIM in a window's case.
struct Strip {
  std::uint32_t first = 0;
  std::uint32_t pixels = 0;
};

/// A strip of differences is at most so wide; it begins at a multiple of it.
inline constexpr std::uint32_t kDifferenceStrip = 3 * kOutlierBlock;

/// Where the differences of a strip go; the strips together fill or add up everything.
struct DifferenceSums {
  std::uint32_t blocks_x = 0;  ///< outlier blocks in a row of them
  std::uint32_t blocks_y = 0;
  std::uint32_t noise_x = 0;  ///< whole noise blocks in a row of them
  std::uint32_t noise_y = 0;
  /// [pair][block_y][block_x]: squared differences, of the colours and of alpha; exact for
  /// integers.
  double* squares = nullptr;
  double* alpha_squares = nullptr;
  /// [replica][noise_y][noise_x]: squares of p00 - p01 - p10 + p11.
  double* haar = nullptr;
  /// [pair]: squares of the sums of the differences over whole low-pass blocks.
  double low_pass[kMaxPairs] = {};
  std::uint64_t mismatches[kMaxPairs] = {};  ///< samples that differ in what is not compared
  double largest = 0;                        ///< absolute value of a colour sample, coded
};

/// One strip's rows and running sums.
struct DifferenceWorkspace {
  static constexpr std::size_t kSamples = kDifferenceStrip * 3 + 16;
  alignas(64) std::byte packed[kSamples * sizeof(float)];
  alignas(64) float linear[kMaxReplicas][kSamples];
  alignas(64) float coded[2][kMaxReplicas][kSamples];  ///< of even and of odd rows
  alignas(64) float linear_alpha[kMaxReplicas][kDifferenceStrip + 16];
  alignas(64) float coded_alpha[kMaxReplicas][kDifferenceStrip + 16];
  alignas(64) float difference[kSamples];
  alignas(64) float zeros[kSamples];
  alignas(64) double squares[kMaxPairs][kSamples];
  alignas(64) double sums[kMaxPairs][kSamples];
  alignas(64) double alpha_squares[kMaxPairs][kDifferenceStrip + 16];
  alignas(64) double alpha_sums[kDifferenceStrip + 16];  ///< nobody reads them
  alignas(64) double haar[kMaxReplicas][kSamples];
};

/// The map of SSIM. `padded`: the pictures are continued by 5 reflected pixels on every side.
struct WindowJob {
  Replicas replicas;
  bool padded = false;
  bool in_double = false;  ///< or in single precision
};

/// A strip of the map is at most so wide.
inline constexpr std::uint32_t kWindowStrip = 48;

struct WindowWorkspace {
  static constexpr std::size_t kSamples = kWindowStrip * 3;           ///< of the map
  static constexpr std::size_t kWide = (kWindowStrip + 10) * 3 + 34;  ///< of the pictures
  static constexpr std::size_t kPlanes = 2 * kMaxReplicas + kMaxPairs;
  alignas(64) std::byte packed[kWide * sizeof(float)];
  alignas(64) float raw[kWide];
  // Of floats or doubles, as the job asks.
  alignas(64) std::byte wide[kPlanes][kWide * sizeof(double)];
  alignas(64) std::byte ring[(kWindow + 1) * kPlanes * kSamples * sizeof(double)];
  alignas(64) std::byte columns[2][kPlanes][kSamples * sizeof(double)];
  alignas(64) std::byte mask[kSamples * sizeof(double)];
};

struct Kernels {
  const char* name = nullptr;
  void (*difference)(const Replicas&, Strip, DifferenceSums&, DifferenceWorkspace&) = nullptr;
  /// Adds the sums of 1 - SSIM over the strip's columns of the map, all rows and colours.
  void (*window)(const WindowJob&,
                 Strip,
                 double (&deficits)[kMaxPairs],
                 WindowWorkspace&) = nullptr;
};

/// Those that this processor can run, the fastest first; never empty.
std::span<const Kernels* const> available();

extern const Kernels kPortable;
#if defined(__x86_64__)
extern const Kernels kAvx2;
extern const Kernels kAvx512;
#endif

}  // namespace worldshare::verifier::kernels
