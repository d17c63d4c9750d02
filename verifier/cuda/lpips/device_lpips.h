#pragma once

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "shared/result.h"
#include "verifier/cuda/device_memory.h"
#include "verifier/cuda/lpips/packed_weights.h"
#include "verifier/cuda/lpips/tensor_map.h"
#include "verifier/cuda/lpips/trunk_layout.h"
#include "verifier/image/picture.h"
#include "verifier/lpips/network.h"

namespace worldshare::verifier::cuda {

/// Units of one shape whose pictures are in device memory.
struct LpipsBatch {
  Shape shape;  ///< rows are shape.stride() bytes apart, as in a Picture
  std::size_t replicas = 2;
  std::size_t units = 0;
  /// Device memory: the pictures of unit u are pictures[u * replicas ..], aligned to kRowAlignment.
  std::span<const std::uint8_t* const> pictures;
};

/// LPIPS on one Hopper GPU (compute capability 9.0) in single precision's accuracy; see Lpips for
/// the definition and docs/lpips.md for how. Each picture goes through the trunk once. Not
/// thread-safe; an object's measurements must follow each other, on one stream or on streams that
/// wait for each other.
class DeviceLpips {
 public:
  /// On the current device, for good. Takes `workspace_bytes` of device memory and that of the
  /// weights, and nothing later. kUnavailable when the device is of another kind or has too little
  /// memory.
  static Result<DeviceLpips> create(const Network& network, std::size_t workspace_bytes);

  /// Writes distances[unit * pairs + pair], in the order of Lpips::distances, to device memory once
  /// `stream` gets there. Pictures that do not fit together go one batch after the other, and
  /// pictures that do not fit at all in bands of rows. The bits depend on the workspace and the
  /// number of replicas, but not on other units. kUnavailable when the workspace does not even hold
  /// a band of rows, or when the device is gone. The pictures must be large enough; see
  /// Network::minimum_side.
  Result<> measure(const LpipsBatch& batch, double* distances, cudaStream_t stream);

  const Network& network() const { return network_; }

 private:
  /// A convolution's weights in device memory.
  struct Weights {
    PackedWeights shape;  ///< without its numbers
    DeviceMemory halves;
    DeviceMemory bias;
  };
  /// Pictures that are in the trunk together.
  struct Pass {
    const LpipsBatch* batch = nullptr;
    Band band;
    std::size_t first_unit = 0;
    std::size_t units = 0;
    double* distances = nullptr;
    cudaStream_t stream = nullptr;
    int pictures() const { return static_cast<int>(units * batch->replicas); }
  };
  /// Features in the workspace.
  struct Features {
    std::size_t index = 0;  ///< in the layout
    FeatureSize size;
    __half* data = nullptr;
  };
  /// How many units go together, in which bands.
  struct Plan {
    std::vector<Band> bands;
    std::size_t units = 0;
  };

  DeviceLpips(const Network& network, std::size_t workspace_bytes, TensorMaps maps);
  Result<> upload_weights();
  Result<Plan> plan(const LpipsBatch& batch) const;
  std::size_t unit_bytes(const LpipsBatch& batch, int rows) const;
  TrunkLayout layout(const LpipsBatch& batch, int rows) const;
  Features features(const Pass& pass, const TrunkLayout& layout, std::size_t index) const;
  bool exact(const LpipsBatch& batch) const;
  const Patches& patches() const;

  Result<> run(const Pass& pass);
  Result<> run_unfold(const Pass& pass, const Features& to);
  /// From features `from` on; returns the index of what comes out.
  Result<std::size_t> run_stage(const Pass& pass,
                                const TrunkLayout& layout,
                                std::size_t stage,
                                std::size_t from);
  Result<> run_convolution(const Pass& pass,
                           const Weights& weights,
                           const Features& from,
                           const Features& to,
                           int first_group);
  Result<> run_pool(const Pass& pass, const Features& from, const Features& to);
  Result<> run_tap(const Pass& pass, std::size_t tap, const Features& features);

  Network network_;
  std::size_t workspace_bytes_;
  TensorMaps maps_;
  int multiprocessors_ = 0;
  Weights exact_first_;
  std::vector<std::vector<Weights>> weights_;  ///< of each stage
  std::vector<DeviceMemory> linear_;           ///< of each tap
  DeviceMemory workspace_;
};

}  // namespace worldshare::verifier::cuda
