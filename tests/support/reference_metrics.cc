#include "tests/support/reference_metrics.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace worldshare::testing {

using verifier::Coding;
using verifier::Depth;
using verifier::kLowPassBlock;
using verifier::kNoiseBlock;
using verifier::kOutlierBlock;
using verifier::MetricsOptions;
using verifier::PairMetrics;
using verifier::Picture;
using verifier::Shape;

namespace {

constexpr double kLargestHalf = 65504.0;
constexpr std::size_t kWindow = 11;
constexpr std::size_t kPadding = kWindow / 2;

/// One channel, coded. `linear` holds what the coding started from, for accurate differences.
struct Plane {
  std::size_t width = 0;
  std::size_t height = 0;
  std::vector<double> value;
  std::vector<double> linear;
  double at(std::size_t x, std::size_t y) const { return value[y * width + x]; }
};

double half_to_double(std::uint16_t bits) {
  const double sign = (bits & 0x8000U) != 0 ? -1 : 1;
  const int exponent = (bits >> 10) & 31;
  const int mantissa = bits & 1023;
  if (exponent == 0) return sign * std::ldexp(mantissa, -24);
  if (exponent < 31) return sign * std::ldexp(1024 + mantissa, exponent - 25);
  return mantissa == 0 ? sign * std::numeric_limits<double>::infinity()
                       : std::numeric_limits<double>::quiet_NaN();
}

double sample(const Picture& picture, std::uint32_t y, std::size_t index) {
  switch (picture.shape().depth) {
    case Depth::kU8: return picture.row<std::uint8_t>(y)[index];
    case Depth::kU16: return picture.row<std::uint16_t>(y)[index];
    case Depth::kF16: return half_to_double(picture.row<std::uint16_t>(y)[index]);
    case Depth::kF32: return picture.row<float>(y)[index];
  }
  return 0;
}

/// A picture as its planes: the colours, then alpha.
class Planes {
 public:
  Planes(const Picture& picture, Coding coding)
      : log_(is_float(picture.shape().depth) && coding == Coding::kLog) {
    const Shape& shape = picture.shape();
    for (std::size_t c = 0; c < shape.channels; ++c) {
      Plane plane{shape.width, shape.height, {}, {}};
      for (std::uint32_t y = 0; y < shape.height; ++y) {
        for (std::size_t x = 0; x < shape.width; ++x) {
          add(plane, sample(picture, y, x * shape.channels + c));
        }
      }
      planes_.push_back(std::move(plane));
    }
  }

  const Plane& operator[](std::size_t channel) const { return planes_[channel]; }

  /// a - b at one sample, without losing the difference of near-equal logarithms.
  double difference(const Planes& other, std::size_t channel, std::size_t index) const {
    const double a = planes_[channel].linear[index];
    const double b = other.planes_[channel].linear[index];
    return log_ ? std::log1p((a - b) / (1 + b)) / std::log(2.0) : a - b;
  }

 private:
  void add(Plane& plane, double value) const {
    if (!std::isfinite(value)) value = 0;
    if (log_) value = std::clamp(value, 0.0, kLargestHalf);
    plane.linear.push_back(value);
    plane.value.push_back(log_ ? std::log2(1 + value) : value);
  }

  bool log_;
  std::vector<Plane> planes_;
};

double psnr_of(double relative_mse) {
  return relative_mse == 0 ? std::numeric_limits<double>::infinity()
                           : -10 * std::log10(relative_mse);
}

std::size_t reflect_101(std::ptrdiff_t index, std::size_t length) {
  const auto last = static_cast<std::ptrdiff_t>(length) - 1;
  if (last == 0) return 0;
  while (index < 0 || index > last) index = index < 0 ? -index : 2 * last - index;
  return static_cast<std::size_t>(index);
}

Plane padded(const Plane& in) {
  Plane out{in.width + 2 * kPadding, in.height + 2 * kPadding, {}, {}};
  for (std::size_t y = 0; y < out.height; ++y) {
    for (std::size_t x = 0; x < out.width; ++x) {
      constexpr auto kBefore = static_cast<std::ptrdiff_t>(kPadding);
      out.value.push_back(in.at(reflect_101(static_cast<std::ptrdiff_t>(x) - kBefore, in.width),
                                reflect_101(static_cast<std::ptrdiff_t>(y) - kBefore, in.height)));
    }
  }
  return out;
}

std::array<double, kWindow> gaussian() {
  std::array<double, kWindow> out{};
  double sum = 0;
  for (std::size_t i = 0; i < kWindow; ++i) {
    const double x = static_cast<double>(i) - static_cast<double>(kPadding);
    sum += out[i] = std::exp(-x * x / (2 * 1.5 * 1.5));
  }
  for (double& weight : out) weight /= sum;
  return out;
}

/// The valid support of a plane under the Gaussian window.
Plane filtered(const Plane& in) {
  static const auto weights = gaussian();
  Plane rows{in.width - (kWindow - 1), in.height, {}, {}};
  for (std::size_t y = 0; y < rows.height; ++y) {
    for (std::size_t x = 0; x < rows.width; ++x) {
      double sum = 0;
      for (std::size_t k = 0; k < kWindow; ++k) sum += weights[k] * in.at(x + k, y);
      rows.value.push_back(sum);
    }
  }
  Plane out{rows.width, in.height - (kWindow - 1), {}, {}};
  for (std::size_t y = 0; y < out.height; ++y) {
    for (std::size_t x = 0; x < out.width; ++x) {
      double sum = 0;
      for (std::size_t k = 0; k < kWindow; ++k) sum += weights[k] * rows.at(x, y + k);
      out.value.push_back(sum);
    }
  }
  return out;
}

/// The four filtered quantities s = a + b, d = a - b and their squares hold what the five of the
/// paper hold.
double plane_ssim(const Plane& a, const Plane& b, double peak) {
  std::array<Plane, 4> raw;
  for (Plane& plane : raw) plane = {a.width, a.height, {}, {}};
  for (std::size_t i = 0; i < a.value.size(); ++i) {
    const double s = a.value[i] + b.value[i];
    const double d = a.value[i] - b.value[i];
    const std::array<double, 4> values{s, d, s * s, d * d};
    for (std::size_t q = 0; q < values.size(); ++q) raw[q].value.push_back(values[q]);
  }
  std::array<Plane, 4> mean;
  for (std::size_t q = 0; q < raw.size(); ++q) mean[q] = filtered(raw[q]);
  const double c1 = 2 * 0.01 * peak * 0.01 * peak;
  const double c2 = 2 * 0.03 * peak * 0.03 * peak;
  double sum = 0;
  for (std::size_t i = 0; i < mean[0].value.size(); ++i) {
    const double ms2 = mean[0].value[i] * mean[0].value[i];
    const double md2 = mean[1].value[i] * mean[1].value[i];
    const double vs = std::max(0.0, mean[2].value[i] - ms2);
    const double vd = std::max(0.0, mean[3].value[i] - md2);
    sum += (ms2 - md2 + c1) * (vs - vd + c2) / ((ms2 + md2 + c1) * (vs + vd + c2));
  }
  return sum / static_cast<double>(mean[0].value.size());
}

class Comparison {
 public:
  Comparison(const Picture& a, const Picture& b, const MetricsOptions& options)
      : picture_a_(a),
        picture_b_(b),
        shape_(a.shape()),
        options_(options),
        peak_(peak_of(shape_.depth)),
        colours_(static_cast<std::size_t>(shape_.colour_channels())),
        a_(a, options.coding),
        b_(b, options.coding) {}

  PairMetrics run() const {
    PairMetrics out;
    out.psnr_db = psnr(0, colours_);
    if (shape_.has_alpha()) out.alpha_psnr_db = psnr(colours_, shape_.channels);
    out.ssim = ssim();
    out.noise_ratio = noise_ratio();
    out.low_pass_psnr_db = low_pass();
    fill_blocks(out);
    out.non_finite_mismatches = mismatches();
    return out;
  }

 private:
  double square_error(std::size_t channel, std::size_t x, std::size_t y) const {
    const double d = a_.difference(b_, channel, y * shape_.width + x) / peak_;
    return d * d;
  }

  double psnr(std::size_t first, std::size_t last) const {
    double sum = 0;
    for (std::size_t c = first; c < last; ++c) {
      for (std::size_t y = 0; y < shape_.height; ++y) {
        for (std::size_t x = 0; x < shape_.width; ++x) sum += square_error(c, x, y);
      }
    }
    return psnr_of(sum / (1.0 * shape_.width * shape_.height * static_cast<double>(last - first)));
  }

  double ssim() const {
    const bool pad = options_.ssim_reflect || std::min(shape_.width, shape_.height) < kWindow;
    double sum = 0;
    for (std::size_t c = 0; c < colours_; ++c) {
      sum +=
          pad ? plane_ssim(padded(a_[c]), padded(b_[c]), peak_) : plane_ssim(a_[c], b_[c], peak_);
    }
    return sum / static_cast<double>(colours_);
  }

  double haar_energy(const Planes& planes, std::size_t left, std::size_t top) const {
    double sum = 0;
    for (std::size_t c = 0; c < colours_; ++c) {
      for (std::size_t y = top; y < top + kNoiseBlock; y += 2) {
        for (std::size_t x = left; x < left + kNoiseBlock; x += 2) {
          const Plane& p = planes[c];
          const double hh = (p.at(x, y) - p.at(x + 1, y) - p.at(x, y + 1) + p.at(x + 1, y + 1)) / 2;
          sum += hh * hh;
        }
      }
    }
    constexpr std::size_t kCells = kNoiseBlock * kNoiseBlock / 4;
    return sum / static_cast<double>(colours_ * kCells);
  }

  double noise_ratio() const {
    const double e = 0.05 * (peak_ / 255) * (peak_ / 255);
    std::vector<double> ratios;
    for (std::size_t y = 0; y + kNoiseBlock <= shape_.height; y += kNoiseBlock) {
      for (std::size_t x = 0; x + kNoiseBlock <= shape_.width; x += kNoiseBlock) {
        ratios.push_back(std::log2((haar_energy(b_, x, y) + e) / (haar_energy(a_, x, y) + e)));
      }
    }
    if (ratios.empty()) return 0;
    std::ranges::sort(ratios);
    return ratios[(ratios.size() - 1) / 2];
  }

  double low_pass() const {
    double sum = 0;
    std::size_t count = 0;
    for (std::size_t c = 0; c < colours_; ++c) {
      for (std::size_t y = 0; y + kLowPassBlock <= shape_.height; y += kLowPassBlock) {
        for (std::size_t x = 0; x + kLowPassBlock <= shape_.width; x += kLowPassBlock) {
          const double mean = mean_difference(c, x, y) / peak_;
          sum += mean * mean;
          ++count;
        }
      }
    }
    return psnr_of(count == 0 ? 0 : sum / static_cast<double>(count));
  }

  double mean_difference(std::size_t channel, std::size_t left, std::size_t top) const {
    double sum = 0;
    for (std::size_t y = top; y < top + kLowPassBlock; ++y) {
      for (std::size_t x = left; x < left + kLowPassBlock; ++x) {
        sum += a_.difference(b_, channel, y * shape_.width + x);
      }
    }
    return sum / (kLowPassBlock * kLowPassBlock);
  }

  void fill_blocks(PairMetrics& out) const {
    double worst = 0;
    for (std::uint32_t y = 0; y < shape_.height; y += kOutlierBlock) {
      for (std::uint32_t x = 0; x < shape_.width; x += kOutlierBlock) {
        const double error = block_error(x, y);
        out.block_errors.push_back(static_cast<float>(error));
        if (error <= worst) continue;
        worst = error;
        out.worst_block_x = x / kOutlierBlock;
        out.worst_block_y = y / kOutlierBlock;
      }
    }
    out.worst_block_psnr_db = psnr_of(worst);
  }

  double block_error(std::uint32_t left, std::uint32_t top) const {
    const std::uint32_t right = std::min(left + kOutlierBlock, shape_.width);
    const std::uint32_t bottom = std::min(top + kOutlierBlock, shape_.height);
    double sum = 0;
    for (std::size_t c = 0; c < colours_; ++c) {
      for (std::uint32_t y = top; y < bottom; ++y) {
        for (std::uint32_t x = left; x < right; ++x) sum += square_error(c, x, y);
      }
    }
    return sum / (1.0 * (right - left) * (bottom - top) * static_cast<double>(colours_));
  }

  static bool alike(double a, double b) {
    if (!std::isfinite(a) || !std::isfinite(b)) return a == b || (std::isnan(a) && std::isnan(b));
    const double hidden_a = a - std::clamp(a, 0.0, kLargestHalf);
    const double hidden_b = b - std::clamp(b, 0.0, kLargestHalf);
    const double larger = std::max(std::abs(a), std::abs(b));
    return std::abs(hidden_a - hidden_b) <= std::max(double{1e-3F}, larger / 2);
  }

  std::uint64_t mismatches() const {
    if (!is_float(shape_.depth)) return 0;
    std::uint64_t count = 0;
    for (std::uint32_t y = 0; y < shape_.height; ++y) {
      for (std::size_t i = 0; i < std::size_t{shape_.width} * shape_.channels; ++i) {
        count += alike(sample(picture_a_, y, i), sample(picture_b_, y, i)) ? 0 : 1;
      }
    }
    return count;
  }

  const Picture& picture_a_;
  const Picture& picture_b_;
  const Shape shape_;
  const MetricsOptions options_;
  const double peak_;
  const std::size_t colours_;
  const Planes a_;
  const Planes b_;
};

}  // namespace

PairMetrics reference_metrics(const Picture& a, const Picture& b, const MetricsOptions& options) {
  return Comparison(a, b, options).run();
}

}  // namespace worldshare::testing
