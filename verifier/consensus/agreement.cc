#include "verifier/consensus/agreement.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace worldshare::verifier {
namespace {

double lower_psnr(const PairMetrics& pair) {
  return std::min(pair.psnr_db, pair.alpha_psnr_db.value_or(HUGE_VAL));
}

}  // namespace

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

bool agrees(const PairMetrics& measured, const Tolerance& tolerance) {
  return measured.non_finite_mismatches == 0 && lower_psnr(measured) >= tolerance.psnr_db &&
         measured.ssim >= tolerance.ssim;
}

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
  if (const double psnr = lower_psnr(pair); std::isfinite(psnr)) out.psnr_db = psnr;
  out.agree = agrees(pair, tolerance);
  return out;
}

}  // namespace worldshare::verifier
