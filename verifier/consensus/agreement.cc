#include "verifier/consensus/agreement.h"

#include <algorithm>
#include <array>
#include <cmath>

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

Result<Comparison> compare(Metrics& metrics,
                           const Picture& a,
                           const Picture& b,
                           const Tolerance& tolerance) {
  if (same_pixels(a, b)) return Comparison{Method::kSamePixels, std::nullopt, std::nullopt, true};
  const auto measured = metrics.measure(std::array{a, b});
  if (!measured && measured.error().code == Errc::kInvalid) return Comparison{};
  if (!measured) return std::unexpected(measured.error());
  const PairMetrics& pair = measured->front();
  Comparison out{Method::kMetrics, std::nullopt, pair.ssim, false};
  const double psnr = std::min(pair.psnr_db, pair.alpha_psnr_db.value_or(HUGE_VAL));
  if (std::isfinite(psnr)) out.psnr_db = psnr;
  out.agree =
      pair.non_finite_mismatches == 0 && psnr >= tolerance.psnr_db && pair.ssim >= tolerance.ssim;
  return out;
}

}  // namespace worldshare::verifier
