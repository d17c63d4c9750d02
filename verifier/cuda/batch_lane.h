#pragma once

#include <span>
#include <vector>

#include "shared/result.h"
#include "verifier/cuda/compare.h"
#include "verifier/cuda/device_memory.h"
#include "verifier/metrics/metrics.h"

namespace worldshare::verifier::cuda {

using PinnedMemory = UniqueHandle<void, cudaFreeHost>;

/// The pictures of one unit, and what their comparison gave.
struct UnitWork {
  std::span<const Picture> replicas;
  std::vector<PairMetrics> figures;  ///< in the order of pair_index()
};

/// One stream with memory of its own, for one batch after another. One thread.
class BatchLane {
 public:
  /// `bytes` bounds the device memory that it takes, `pairs` the pairs of a batch.
  static Result<BatchLane> open(std::size_t bytes, std::size_t pairs);

  /// Whether a batch of so many pictures of `shape`, in so many pairs, is within the bounds.
  bool fits(const Shape& shape, std::size_t pictures, std::size_t pairs) const;
  /// Units of one shape that fit together. Returns when the figures are there.
  Result<> run(std::span<UnitWork* const> units);

 private:
  struct Layout {
    CompareSizes sizes;
    std::size_t pointers = 0;  ///< where each part begins in device memory
    std::size_t sums = 0;
    std::size_t blocks = 0;
    std::size_t workspace = 0;
    std::size_t end = 0;
  };
  BatchLane() = default;
  static Layout layout(const Shape& shape, std::size_t pictures, std::size_t pairs);
  Result<> upload(std::span<UnitWork* const> units, std::vector<const std::uint8_t*>& pairs);
  Result<> compute(const Shape& shape,
                   const std::vector<const std::uint8_t*>& pairs,
                   std::size_t pictures);
  void collect(std::span<UnitWork* const> units, const Shape& shape, const Layout& where) const;

  std::size_t bytes_ = 0;
  std::size_t pairs_ = 0;
  Stream stream_;
  DeviceMemory device_;
  PinnedMemory results_;  ///< what comes back: sums, then blocks; grows
  std::size_t results_bytes_ = 0;
};

}  // namespace worldshare::verifier::cuda
