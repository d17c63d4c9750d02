#include "verifier/consensus/agreement.h"

#include <algorithm>
#include <cmath>

#include "verifier/metrics/metrics.h"

namespace worldshare::verifier {

std::string_view to_string(Method method) {
  switch (method) {
    case Method::kSameBlob: return "same_blob";
    case Method::kSamePixels: return "same_pixels";
    case Method::kMetrics: return "metrics";
    case Method::kIncomparable: return "incomparable";
  }
  return "incomparable";
}

double Comparison::distance() const { return psnr_db ? std::pow(10, -*psnr_db / 10) : 0; }

Comparison same_blob() { return {Method::kSameBlob, std::nullopt, std::nullopt, true}; }

Comparison compare(const Picture& a, const Picture& b, const Tolerance& tolerance) {
  if (same_pixels(a, b)) return {Method::kSamePixels, std::nullopt, std::nullopt, true};
  const auto metrics = measure(a, b);
  if (!metrics) return {};
  Comparison out{Method::kMetrics, std::nullopt, metrics->ssim, false};
  const double psnr = std::min(metrics->psnr_db, metrics->alpha_psnr_db.value_or(HUGE_VAL));
  if (std::isfinite(psnr)) out.psnr_db = psnr;
  out.agree = metrics->non_finite_mismatches == 0 && psnr >= tolerance.psnr_db &&
              metrics->ssim >= tolerance.ssim;
  return out;
}

}  // namespace worldshare::verifier
