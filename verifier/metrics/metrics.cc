#include "verifier/metrics/metrics.h"

#include <cmath>
#include <limits>
#include <vector>

#include "verifier/metrics/samples.h"
#include "verifier/metrics/ssim.h"

namespace worldshare::verifier {
namespace {

/// Squared differences of one channel. 64 bits hold those of 2^28 pixels with three 16-bit
/// channels.
template <class T>
std::uint64_t integer_sse(const cv::Mat& a, const cv::Mat& b, int channel) {
  std::uint64_t sum = 0;
  const int step = a.channels();
  for (int y = 0; y < a.rows; ++y) {
    const T* left = a.ptr<T>(y) + channel;
    const T* right = b.ptr<T>(y) + channel;
    for (int x = 0; x < a.cols; ++x, left += step, right += step) {
      const std::int64_t d = std::int64_t{*left} - *right;
      sum += static_cast<std::uint64_t>(d * d);
    }
  }
  return sum;
}

double float_sse(const cv::Mat& a, const cv::Mat& b, int channel) {
  std::vector<double> left(static_cast<std::size_t>(a.cols));
  std::vector<double> right(left.size());
  double sum = 0;
  for (int y = 0; y < a.rows; ++y) {
    load_row(a, y, channel, left);
    load_row(b, y, channel, right);
    double row = 0;
    for (std::size_t x = 0; x < left.size(); ++x) {
      row += (left[x] - right[x]) * (left[x] - right[x]);
    }
    sum += row;
  }
  return sum;
}

/// Pooled over channels [first, last).
double psnr(const cv::Mat& a, const cv::Mat& b, int first, int last) {
  std::uint64_t exact = 0;
  double sum = 0;
  for (int channel = first; channel < last; ++channel) {
    switch (a.depth()) {
      case CV_8U: exact += integer_sse<std::uint8_t>(a, b, channel); break;
      case CV_16U: exact += integer_sse<std::uint16_t>(a, b, channel); break;
      default: sum += float_sse(a, b, channel);
    }
  }
  sum += static_cast<double>(exact);
  if (sum == 0) return std::numeric_limits<double>::infinity();
  const double samples = static_cast<double>(a.total()) * (last - first);
  const double peak = peak_of(a.depth());
  return 10 * std::log10(peak * peak * samples / sum);
}

bool differ_in_kind(float a, float b) {
  if (std::isfinite(a) && std::isfinite(b)) return false;
  if (std::isnan(a) || std::isnan(b)) return std::isnan(a) != std::isnan(b);
  return a != b;
}

std::uint64_t count_non_finite_mismatches(const cv::Mat& a, const cv::Mat& b) {
  if (a.depth() != CV_32F) return 0;
  std::uint64_t count = 0;
  const int samples = a.cols * a.channels();
  for (int y = 0; y < a.rows; ++y) {
    const float* left = a.ptr<float>(y);
    const float* right = b.ptr<float>(y);
    for (int x = 0; x < samples; ++x) count += differ_in_kind(left[x], right[x]) ? 1 : 0;
  }
  return count;
}

}  // namespace

Result<Metrics> measure(const Picture& first, const Picture& second) {
  if (first.empty() || !(first.shape() == second.shape())) {
    return fail(Errc::kInvalid, "the pictures differ in size, channels or depth");
  }
  const cv::Mat a = view(first);
  const cv::Mat b = view(second);
  const int channels = a.channels();
  const int colour = colour_channels(channels);
  Metrics out;
  out.non_finite_mismatches = count_non_finite_mismatches(a, b);
  out.psnr_db = psnr(a, b, 0, colour);
  if (colour < channels) out.alpha_psnr_db = psnr(a, b, colour, channels);
  out.ssim = ssim(a, b);
  return out;
}

}  // namespace worldshare::verifier
