#pragma once

#include <cuda_fp16.h>
#include <cuda_runtime_api.h>

#include <cstddef>

/// What LPIPS does with a trunk's features.
namespace worldshare::verifier::cuda {

inline constexpr int kMaxTapReplicas = 5;
inline constexpr int kMaxTapPairs = 10;

/// One tap of some units: the pictures of unit u are u * replicas and the following. Split
/// features; see convolve.h.
struct Tap {
  const __half* features = nullptr;
  int groups = 0;                 ///< of channels
  const float* linear = nullptr;  ///< of each channel
  int pixels = 0;                 ///< of a picture
  int first = 0;                  ///< of the pixels that count
  int count = 0;
  int replicas = 2;  ///< 2 to kMaxTapReplicas
  int units = 0;
  double weight = 0;            ///< of a pixel: 1 / the pixels of the whole picture
  double* partials = nullptr;   ///< tap_partials() numbers
  double* distances = nullptr;  ///< [unit][pair]
};

std::size_t tap_partials(int pixels, int replicas, int units);

/// Adds to each pair's distance weight * the sum over pixels and channels of
/// linear (a / (|a| + 1e-10) - b / (|b| + 1e-10))^2. Asynchronous; the order of all additions is
/// fixed.
cudaError_t add_tap(const Tap& arguments, cudaStream_t stream);

}  // namespace worldshare::verifier::cuda
