#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "shared/result.h"
#include "verifier/image/picture.h"
#include "verifier/lpips/network.h"
#include "verifier/metrics/metrics.h"

namespace worldshare::verifier {

/// Pictures that are compared in one go.
inline constexpr std::size_t kMaxLpipsReplicas = kMaxReplicas;

/// Learned perceptual image patch similarity, version 0.1: Zhang, Isola, Efros, Shechtman, Wang,
/// "The unreasonable effectiveness of deep features as a perceptual metric", 2018, with the epsilon
/// of the authors' code. 0 is equal. Definition, precision and models: docs/lpips.md.
///
/// A picture becomes R, G, B from -1 to 1: integers x by 2 x / max - 1; floats, which are linear
/// light, clamped to [0, 1] (NaN is 0) and coded as sRGB first. Grey counts three times, alpha does
/// not count. Implementations differ in speed and by at most 1e-4; one gives the same bits whenever
/// it is asked. Thread-safe.
class Lpips {
 public:
  virtual ~Lpips() = default;
  /// The distance of every pair of 2 to kMaxLpipsReplicas pictures, in the order of pair_index() in
  /// verifier/metrics/metrics.h. kInvalid when there are fewer or more, when they differ in size,
  /// channels or depth, or when a side is below the network's minimum; kUnavailable when memory or
  /// the device is gone.
  virtual Result<std::vector<double>> distances(std::span<const Picture> replicas) = 0;
  /// For people: "cpu alex avx512".
  virtual std::string_view name() const = 0;
};

/// What distances() refuses: kInvalid.
Result<> check_replicas(std::span<const Picture> replicas, const Network& network);

/// On the calling thread. The pictures go through the network row by row, side by side, so that
/// memory grows with their width but not with their height: about 6 MiB (alex) or 12 MiB (squeeze)
/// for each one that is 1920 pixels wide. Errors are those of load_network().
Result<std::unique_ptr<Lpips>> make_cpu_lpips(const std::filesystem::path& models_directory,
                                              Net net);

}  // namespace worldshare::verifier
