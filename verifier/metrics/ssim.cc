#include "verifier/metrics/ssim.h"

#include <array>
#include <cmath>
#include <opencv2/core.hpp>
#include <vector>

#include "verifier/metrics/samples.h"

namespace worldshare::verifier {
namespace {

constexpr int kWindow = 11;
constexpr int kHalf = kWindow / 2;
constexpr double kSigma = 1.5;
/// Filtered quantities: s = a + b, d = a - b, s^2, d^2. They hold the same as the five of the paper
/// and make SSIM exactly 1 where d is 0.
constexpr std::size_t kQuantities = 4;

std::array<double, kWindow> gaussian() {
  std::array<double, kWindow> out{};
  double sum = 0;
  for (int i = 0; i < kWindow; ++i) {
    const double x = i - kHalf;
    sum += out[static_cast<std::size_t>(i)] = std::exp(-x * x / (2 * kSigma * kSigma));
  }
  for (double& weight : out) weight /= sum;
  return out;
}

/// Filters along a row, keeps the last 11 filtered rows, and filters those along the columns.
class Window {
 public:
  Window(int width, double peak)
      : width_(static_cast<std::size_t>(width)),
        valid_(width_ - (kWindow - 1)),
        c1_(0.01 * peak * 0.01 * peak),
        c2_(0.03 * peak * 0.03 * peak),
        a_(width_),
        b_(width_),
        rows_(kWindow * kQuantities * valid_),
        raw_(kQuantities * width_),
        columns_(kQuantities * valid_) {}

  std::vector<double>& a() { return a_; }
  std::vector<double>& b() { return b_; }

  /// Takes the rows in a() and b() in as row `y` of the pictures.
  void push(int y) {
    for (std::size_t x = 0; x < width_; ++x) {
      const double s = a_[x] + b_[x];
      const double d = a_[x] - b_[x];
      raw_[x] = s;
      raw_[width_ + x] = d;
      raw_[2 * width_ + x] = s * s;
      raw_[3 * width_ + x] = d * d;
    }
    for (std::size_t q = 0; q < kQuantities; ++q) {
      double* out = row(y, q);
      std::fill(out, out + valid_, 0.0);
      for (std::size_t k = 0; k < kWindow; ++k) {
        const double* in = &raw_[q * width_ + k];
        for (std::size_t x = 0; x < valid_; ++x) out[x] += kernel_[k] * in[x];
      }
    }
  }

  /// The sum of the map's row whose window ends in row `y` of the pictures.
  double map_row(int y) {
    std::fill(columns_.begin(), columns_.end(), 0.0);
    for (std::size_t q = 0; q < kQuantities; ++q) {
      double* out = &columns_[q * valid_];
      for (int k = 0; k < kWindow; ++k) {
        const double weight = kernel_[static_cast<std::size_t>(k)];
        const double* in = row(y - (kWindow - 1) + k, q);
        for (std::size_t x = 0; x < valid_; ++x) out[x] += weight * in[x];
      }
    }
    double sum = 0;
    for (std::size_t x = 0; x < valid_; ++x) sum += at(x);
    return sum;
  }

 private:
  double* row(int y, std::size_t quantity) {
    return &rows_[(static_cast<std::size_t>(y % kWindow) * kQuantities + quantity) * valid_];
  }

  double at(std::size_t x) const {
    const double ms = columns_[x];
    const double md = columns_[valid_ + x];
    const double vs = std::max(0.0, columns_[2 * valid_ + x] - ms * ms);
    const double vd = std::max(0.0, columns_[3 * valid_ + x] - md * md);
    return (ms * ms - md * md + 2 * c1_) * (vs - vd + 2 * c2_) /
           ((ms * ms + md * md + 2 * c1_) * (vs + vd + 2 * c2_));
  }

  const std::array<double, kWindow> kernel_ = gaussian();
  std::size_t width_;
  std::size_t valid_;
  double c1_;
  double c2_;
  std::vector<double> a_;
  std::vector<double> b_;
  std::vector<double> rows_;
  std::vector<double> raw_;
  std::vector<double> columns_;
};

double channel_ssim(const cv::Mat& a, const cv::Mat& b, int channel) {
  Window window(a.cols, peak_of(a.depth()));
  double sum = 0;
  for (int y = 0; y < a.rows; ++y) {
    load_row(a, y, channel, window.a());
    load_row(b, y, channel, window.b());
    window.push(y);
    if (y >= kWindow - 1) sum += window.map_row(y);
  }
  return sum / (double{1} * (a.rows - kWindow + 1) * (a.cols - kWindow + 1));
}

cv::Mat padded(const cv::Mat& image) {
  cv::Mat out;
  cv::copyMakeBorder(image, out, kHalf, kHalf, kHalf, kHalf, cv::BORDER_REFLECT_101);
  return out;
}

}  // namespace

double ssim(const cv::Mat& a, const cv::Mat& b) {
  if (a.rows < kWindow || a.cols < kWindow) return ssim(padded(a), padded(b));
  const int channels = colour_channels(a.channels());
  double sum = 0;
  for (int channel = 0; channel < channels; ++channel) sum += channel_ssim(a, b, channel);
  return sum / channels;
}

}  // namespace worldshare::verifier
