#include "verifier/consensus/agreement.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace worldshare::verifier {
namespace {

constexpr double kNearPsnrDb = 3;
constexpr double kNearSsim = 0.25;  // of the way from the tolerance to 1

double lower_psnr(const PairMetrics& pair) {
  return std::min(pair.psnr_db, pair.alpha_psnr_db.value_or(HUGE_VAL));
}

Comparison as_comparison(const PairMetrics& pair) {
  Comparison out;
  out.method = Method::kMetrics;
  out.ssim = pair.ssim;
  out.non_finite_mismatches = pair.non_finite_mismatches;
  if (const double psnr = lower_psnr(pair); std::isfinite(psnr)) out.psnr_db = psnr;
  if (std::isfinite(pair.worst_block_psnr_db)) out.worst_block_psnr_db = pair.worst_block_psnr_db;
  return out;
}

}  // namespace

std::string_view to_string(Method method) {
  switch (method) {
    case Method::kSameBlob: return "same_blob";
    case Method::kSamePixels: return "same_pixels";
    case Method::kMetrics: return "metrics";
    case Method::kHalves: return "halves";
    case Method::kIncomparable: return "incomparable";
  }
  return "incomparable";
}

Method to_method(std::string_view text) {
  constexpr std::array kAll{Method::kSameBlob, Method::kSamePixels, Method::kMetrics,
                            Method::kHalves};
  const auto* found =
      std::ranges::find_if(kAll, [&](Method method) { return to_string(method) == text; });
  return found == kAll.end() ? Method::kIncomparable : *found;
}

double Comparison::distance() const { return psnr_db ? std::pow(10, -*psnr_db / 10) : 0; }

Comparison identical(Method method) {
  Comparison out;
  out.method = method;
  out.agree = true;
  return out;
}

bool agrees(const PairMetrics& measured, const Tolerance& tolerance) {
  return judged(as_comparison(measured), tolerance).agree;
}

Comparison judged(Comparison measured, const Tolerance& tolerance) {
  if (measured.method == Method::kMetrics) {
    measured.agree =
        measured.non_finite_mismatches == 0 &&
        measured.psnr_db.value_or(HUGE_VAL) >= tolerance.psnr_db &&
        measured.ssim.value_or(0) >= tolerance.ssim &&
        measured.worst_block_psnr_db.value_or(HUGE_VAL) >= tolerance.worst_block_psnr_db;
  } else {
    measured.agree = measured.method != Method::kIncomparable;
  }
  return measured;
}

Comparison worse_of(const Comparison& a, const Comparison& b) {
  if (a.method != Method::kMetrics || b.method != Method::kMetrics) {
    // Those that are the same have no figures; what is not comparable tells of nothing else.
    const auto badness = [](const Comparison& one) {
      return one.method == Method::kIncomparable ? 2 : one.method == Method::kMetrics ? 1 : 0;
    };
    return badness(a) >= badness(b) ? a : b;
  }
  const auto lower = [](const std::optional<double>& x, const std::optional<double>& y) {
    return x && y ? std::min(*x, *y) : x ? x : y;
  };
  Comparison out = a;
  out.psnr_db = lower(a.psnr_db, b.psnr_db);
  out.ssim = lower(a.ssim, b.ssim);
  out.worst_block_psnr_db = lower(a.worst_block_psnr_db, b.worst_block_psnr_db);
  out.non_finite_mismatches = a.non_finite_mismatches + b.non_finite_mismatches;
  if (b.lpips) out.lpips = std::max(*b.lpips, a.lpips.value_or(*b.lpips));
  out.agree = a.agree && b.agree;
  return out;
}

bool disputed(const Comparison& comparison, const Tolerance& tolerance) {
  if (comparison.method != Method::kMetrics) return false;
  return !comparison.agree ||
         comparison.psnr_db.value_or(HUGE_VAL) < tolerance.psnr_db + kNearPsnrDb ||
         comparison.ssim.value_or(0) < tolerance.ssim + kNearSsim * (1 - tolerance.ssim);
}

Result<Comparison> compare(Metrics& metrics,
                           const Picture& a,
                           const Picture& b,
                           const Tolerance& tolerance) {
  if (same_pixels(a, b)) return identical(Method::kSamePixels);
  const auto measured = metrics.measure(std::array{a, b});
  if (!measured && measured.error().code == Errc::kInvalid) return Comparison{};
  if (!measured) return std::unexpected(measured.error());
  return judged(as_comparison(measured->front()), tolerance);
}

}  // namespace worldshare::verifier
