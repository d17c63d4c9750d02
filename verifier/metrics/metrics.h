#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "shared/result.h"
#include "verifier/image/picture.h"

namespace worldshare::verifier {

/// Grows when a formula changes, so that stored figures of different versions are not mixed.
inline constexpr int kMetricsVersion = 4;

/// Replicas that are compared in one go.
inline constexpr std::size_t kMaxReplicas = 5;

/// Sides of the square blocks of pixels that figures are taken over; see docs/metrics.md.
inline constexpr std::uint32_t kLowPassBlock = 8;
inline constexpr std::uint32_t kNoiseBlock = 16;
inline constexpr std::uint32_t kOutlierBlock = 32;

/// How float pictures are compared; integers are compared as they are.
enum class Coding : std::uint8_t {
  kLog,     ///< log2(1 + x), x clamped to [0, 65504]; peak 1, the value of display white
  kLinear,  ///< x as it is; peak 1
};

struct MetricsOptions {
  Coding coding = Coding::kLog;
  /// SSIM over all pixels of pictures padded by reflection (torchmetrics, OpenCV), not over the
  /// valid support.
  bool ssim_reflect = false;
};

/// The difference of two pictures of one shape. Peak R: 255 for 8 bits, 65535 for 16 bits, 1 for
/// floats. Samples of a float picture that are NaN or infinite read as 0. Alpha stands apart from
/// the colour. Definitions, sources and precision: docs/metrics.md.
struct PairMetrics {
  /// 10 log10(R^2 / MSE) with one MSE over all samples of the colour channels; the sum of squares
  /// is exact for integers. Infinite when they are identical.
  double psnr_db = 0;
  /// The same of the alpha channel, when there is one.
  std::optional<double> alpha_psnr_db;
  /// Wang, Bovik, Sheikh, Simoncelli, "Image quality assessment: from error visibility to
  /// structural similarity", 2004: 11x11 Gaussian window of sigma 1.5, K1 = 0.01, K2 = 0.03, mean
  /// over the valid support and then over the colour channels. A picture with a side below 11
  /// pixels has no valid support: it is padded by 5 pixels, reflected without repeating the edge
  /// (reflect-101), and the mean is over all its pixels.
  double ssim = 0;
  /// Median over the whole blocks of kNoiseBlock pixels of log2((E_b + e) / (E_a + e)), E the mean
  /// over the block's 2x2 cells and colour channels of the squared Haar HH coefficient
  /// (p00 - p01 - p10 + p11) / 2 and e = 0.05 (R / 255)^2: the noise of b over that of a. The lower
  /// median of an even count. 0 where no whole block fits.
  double noise_ratio = 0;
  /// PSNR of the means of the whole blocks of kLowPassBlock pixels: what is left when noise is
  /// averaged out. Infinite when equal or when no block fits.
  double low_pass_psnr_db = 0;
  /// PSNR of the worst block of kOutlierBlock pixels (those at the right and lower edge may be
  /// smaller), and its place in blocks. Infinite when identical.
  double worst_block_psnr_db = 0;
  std::uint32_t worst_block_x = 0;
  std::uint32_t worst_block_y = 0;
  /// Float pictures, whatever their coding: samples, alpha included, that are NaN, infinite, below
  /// -0.001 or above 65504 in one picture and not equally so in the other, which no other figure
  /// sees. Equally so are finite ones whose parts outside of [0, 65504] are at most 0.001, or half
  /// of the larger sample, apart.
  std::uint64_t non_finite_mismatches = 0;
  /// MSE over R^2 of each block of kOutlierBlock pixels, row by row: where the pictures differ.
  std::vector<float> block_errors;
};

/// The pairs (0,1), (0,2), .. (0,K-1), (1,2), .. of K replicas.
std::size_t pair_count(std::size_t replicas);
std::size_t pair_index(std::size_t a, std::size_t b, std::size_t replicas);  ///< a < b

/// Compares renderings. Implementations differ in speed, not in numbers: integers sums are equal
/// to the bit, SSIM to 1e-6 (CUDA on flat or checkered pictures: to 2e-4, see docs/metrics.md),
/// PSNR to 1e-4 dB, and one implementation gives the same bits whenever it is asked. Thread-safe.
class Metrics {
 public:
  virtual ~Metrics() = default;
  /// Every pair of 2 to kMaxReplicas pictures, in the order of pair_index(). kInvalid when there
  /// are fewer or more, or when they differ in size, channels or depth; kUnavailable when the
  /// device is gone.
  virtual Result<std::vector<PairMetrics>> measure(std::span<const Picture> replicas) = 0;
  /// For people: "cpu avx2", "cuda NVIDIA H200".
  virtual std::string_view name() const = 0;
};

/// On the calling thread; needs memory for a few dozen rows.
std::unique_ptr<Metrics> make_cpu_metrics(const MetricsOptions& options);

}  // namespace worldshare::verifier
