#pragma once

#include <cstdint>
#include <optional>

#include "verifier/image/decoded_image.h"

namespace worldshare::verifier {

/// Grows when a formula changes, so that stored figures of different versions are not mixed.
inline constexpr int kMetricsVersion = 1;

/// The difference of two pictures of one shape.
///
/// Peak R: 255 for 8 bits, 65535 for 16 bits. Float pictures are compared as log2(1 + x) with x
/// clamped to [0, 65504], the range of a half float, and R = 1, the value of display white (x = 1).
/// The last of four channels, or of two, is alpha and stands apart from the colour.
struct Metrics {
  /// 10 log10(R^2 / MSE) with one MSE over all samples of the colour channels; the sum of squares
  /// is exact for integers. Infinite when they are identical.
  double psnr_db = 0;
  /// The same of the alpha channel, when there is one.
  std::optional<double> alpha_psnr_db;
  /// Wang, Bovik, Sheikh, Simoncelli, "Image quality assessment: from error visibility to
  /// structural similarity", 2004: 11x11 Gaussian window of sigma 1.5, K1 = 0.01, K2 = 0.03, mean
  /// over the valid support and then over the colour channels. A picture with a side below 11
  /// pixels has no valid support: it is then padded by 5 pixels, reflected without repeating the
  /// edge (reflect-101), and the mean is over all its pixels.
  double ssim = 0;
  /// Float pictures: samples, alpha included, that are NaN or infinite in one picture and not
  /// equally so in the other. Where both are alike they count as equal.
  std::uint64_t non_finite_mismatches = 0;
};

/// kInvalid when the pictures differ in size, channels or depth. Thread-safe, one thread; needs
/// memory for a few dozen rows.
Result<Metrics> measure(const DecodedImage& a, const DecodedImage& b);

}  // namespace worldshare::verifier
