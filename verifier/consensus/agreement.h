#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "shared/result.h"
#include "verifier/image/picture.h"
#include "verifier/metrics/metrics.h"

namespace worldshare::verifier {

/// When two pictures count as the same rendering: each figure at least.
struct Tolerance {
  double psnr_db = 40;  ///< of colour and of alpha
  double ssim = 0.98;
  double worst_block_psnr_db = 0;
};

/// One tolerance for renderings of one class, which are all but equal when they are honest, and one
/// for others. Numbers by measurement: `./dev bench detection`, docs/trust.md.
struct Tolerances {
  Tolerance same_class{70, 0.999, 55};
  Tolerance other_class;
  /// `a` and `b`: what rendered them, as their results say.
  const Tolerance& between(std::string_view a, std::string_view b) const {
    return a == b ? same_class : other_class;
  }
};

enum class Method : std::uint8_t {
  kSameBlob,
  kSamePixels,
  kMetrics,
  kHalves,  ///< of the samples: they show the same, each with noise of its own
  kIncomparable,
};
/// As in comparisons.method.
std::string_view to_string(Method method);
/// kIncomparable for any other text.
Method to_method(std::string_view text);

/// What the comparison of two renderings showed.
struct Comparison {
  Method method = Method::kIncomparable;
  std::optional<double> psnr_db;  ///< the lower of colour and alpha; nothing when identical
  std::optional<double> ssim;
  std::optional<double> worst_block_psnr_db;  ///< nothing when identical
  std::uint64_t non_finite_mismatches = 0;
  std::optional<double> lpips;  ///< of disputed pairs, where there is a model
  bool agree = false;
  /// For the medoid: 0 when identical, else the mean squared difference over the squared peak.
  double distance() const;
};

/// Identical, found in that way: they agree.
Comparison identical(Method method);

/// Whether what was measured of two pictures counts as the same rendering.
bool agrees(const PairMetrics& measured, const Tolerance& tolerance);
/// Sets `agree` by the other members. LPIPS has no say.
Comparison judged(Comparison measured, const Tolerance& tolerance);
/// Of two pairs of pictures as of one that is as unlike as either is in each figure: they agree
/// when both do.
Comparison worse_of(const Comparison& a, const Comparison& b);
/// Whether PSNR or SSIM of a measured pair are beyond tolerance, or within it by less than 3 dB or
/// a quarter of what SSIM may lack.
bool disputed(const Comparison& comparison, const Tolerance& tolerance);

/// Same pixels agree; otherwise the metrics decide, and pictures of different shape never agree.
/// kUnavailable as Metrics::measure().
Result<Comparison> compare(Metrics& metrics,
                           const Picture& a,
                           const Picture& b,
                           const Tolerance& tolerance);

}  // namespace worldshare::verifier
