#include "verifier/opencv_cuda/opencv_cuda_metrics.h"

#include <cmath>
#include <mutex>
#include <opencv2/core/cuda.hpp>
#include <opencv2/cudaarithm.hpp>
#include <opencv2/cudafilters.hpp>
#include <optional>
#include <string>
#include <vector>

namespace worldshare::verifier {
namespace {

using cv::cuda::GpuMat;

constexpr int kWindow = 11;
constexpr double kSigma = 1.5;

/// The picture's own memory as OpenCV sees it.
cv::Mat view(const Picture& picture) {
  const Shape& shape = picture.shape();
  const int depth = shape.depth == Depth::kU8 ? CV_8U : CV_16U;
  return {static_cast<int>(shape.height), static_cast<int>(shape.width),
          CV_MAKETYPE(depth, shape.channels), const_cast<std::byte*>(picture.data()),
          shape.stride()};
}

/// The planes of a picture as floats; alpha, if there is one, last.
std::vector<GpuMat> planes(const Picture& picture) {
  GpuMat samples(view(picture));
  GpuMat floats;
  samples.convertTo(floats, CV_32F);
  std::vector<GpuMat> out;
  cv::cuda::split(floats, out);
  return out;
}

/// Exact: a squared difference of 16 bits fits the mantissa of the double sum.
double squared_error(const GpuMat& a, const GpuMat& b) {
  GpuMat difference;
  cv::cuda::subtract(a, b, difference);
  return cv::cuda::sqrSum(difference)[0];
}

double psnr(double squares, double samples, double peak) {
  return 10 * std::log10(peak * peak * samples / squares);
}

class OpencvCudaMetrics final : public Metrics {
 public:
  explicit OpencvCudaMetrics(const MetricsOptions& options)
      : options_(options),
        cpu_(make_cpu_metrics(options)),
        name_("opencv_cuda " + std::string(cv::cuda::DeviceInfo().name())),
        window_(cv::cuda::createGaussianFilter(
            CV_32F, CV_32F, {kWindow, kWindow}, kSigma, kSigma, cv::BORDER_REFLECT_101)) {}

  Result<std::vector<PairMetrics>> measure(std::span<const Picture> replicas) override {
    auto out = cpu_->measure(replicas);
    if (!out || is_float(replicas[0].shape().depth)) return out;
    const std::lock_guard lock(mutex_);
    try {
      for (std::size_t a = 0; a < replicas.size(); ++a) {
        for (std::size_t b = a + 1; b < replicas.size(); ++b) {
          measure_pair(replicas[a], replicas[b], (*out)[pair_index(a, b, replicas.size())]);
        }
      }
    } catch (const cv::Exception& error) {
      return fail(Errc::kUnavailable, "OpenCV's CUDA modules: " + std::string(error.what()));
    }
    return out;
  }
  std::string_view name() const override { return name_; }

 private:
  void measure_pair(const Picture& a, const Picture& b, PairMetrics& out) {
    const Shape& shape = a.shape();
    const double peak = shape.depth == Depth::kU8 ? 255 : 65535;
    const double pixels = static_cast<double>(shape.width) * shape.height;
    const auto left = planes(a);
    const auto right = planes(b);
    const auto colours = static_cast<std::size_t>(shape.colour_channels());
    double squares = 0;
    double ssim = 0;
    for (std::size_t channel = 0; channel < colours; ++channel) {
      squares += squared_error(left[channel], right[channel]);
      ssim += mean_ssim(left[channel], right[channel], peak);
    }
    out.psnr_db = psnr(squares, pixels * static_cast<double>(colours), peak);
    out.ssim = ssim / static_cast<double>(colours);
    if (!shape.has_alpha()) return;
    out.alpha_psnr_db = psnr(squared_error(left.back(), right.back()), pixels, peak);
  }

  GpuMat blurred(const GpuMat& plane) {
    GpuMat out;
    window_->apply(plane, out);
    return out;
  }
  GpuMat blurred_product(const GpuMat& a, const GpuMat& b) {
    GpuMat product;
    cv::cuda::multiply(a, b, product);
    return blurred(product);
  }

  double mean_ssim(const GpuMat& a, const GpuMat& b, double peak) {
    const double c1 = std::pow(0.01 * peak, 2);
    const double c2 = std::pow(0.03 * peak, 2);
    const GpuMat mean_a = blurred(a);
    const GpuMat mean_b = blurred(b);
    GpuMat aa, bb, ab, sum, products, variances, covariance, top, bottom, ratio;
    cv::cuda::multiply(mean_a, mean_a, aa);
    cv::cuda::multiply(mean_b, mean_b, bb);
    cv::cuda::multiply(mean_a, mean_b, ab);
    cv::cuda::add(aa, bb, sum);
    cv::cuda::add(blurred_product(a, a), blurred_product(b, b), products);
    cv::cuda::subtract(products, sum, variances);
    cv::cuda::subtract(blurred_product(a, b), ab, covariance);
    ab.convertTo(ab, CV_32F, 2, c1);
    covariance.convertTo(covariance, CV_32F, 2, c2);
    sum.convertTo(sum, CV_32F, 1, c1);
    variances.convertTo(variances, CV_32F, 1, c2);
    cv::cuda::multiply(ab, covariance, top);
    cv::cuda::multiply(sum, variances, bottom);
    cv::cuda::divide(top, bottom, ratio);
    const GpuMat counted = ratio(support(ratio.size()));
    return cv::cuda::sum(counted)[0] / counted.size().area();
  }

  /// Where the window lies inside the picture; all of it when it nowhere does.
  cv::Rect support(cv::Size size) const {
    const int edge = kWindow / 2;
    const bool all = options_.ssim_reflect || size.width < kWindow || size.height < kWindow;
    if (all) return {0, 0, size.width, size.height};
    return {edge, edge, size.width - 2 * edge, size.height - 2 * edge};
  }

  const MetricsOptions options_;
  const std::unique_ptr<Metrics> cpu_;
  const std::string name_;
  std::mutex mutex_;
  const cv::Ptr<cv::cuda::Filter> window_;  ///< guarded by mutex_
};

}  // namespace

Result<std::unique_ptr<Metrics>> make_opencv_cuda_metrics(const MetricsOptions& options) {
  try {
    if (cv::cuda::getCudaEnabledDeviceCount() < 1) {
      return fail(Errc::kUnavailable, "OpenCV finds no CUDA device");
    }
    return std::make_unique<OpencvCudaMetrics>(options);
  } catch (const cv::Exception& error) {
    return fail(Errc::kUnavailable, "OpenCV's CUDA modules: " + std::string(error.what()));
  }
}

}  // namespace worldshare::verifier
