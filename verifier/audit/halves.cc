#include "verifier/audit/halves.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "verifier/audit/coded.h"

namespace worldshare::verifier {
namespace {

/// By so much, in [-1, 1], contrasts of honest halves may always differ: of 36 samples, say, the
/// first 18 are spread more evenly than the others.
constexpr double kUnevenNoise = 0.01;

/// By so much the mean square of deviations, 1 of fair halves, may always be greater: noise is not
/// quite independent from pixel to pixel.
constexpr double kUnevenBlocks = 0.02;

/// Sums of differences, whose signs are those of coins when the halves are fair.
struct Differences {
  double count = 0;
  double sum = 0;
  double squares = 0;

  void add(double difference) {
    ++count;
    sum += difference;
    squares += difference * difference;
  }
  void add(const Differences& other) {
    count += other.count;
    sum += other.sum;
    squares += other.squares;
  }
  /// Signed; each difference may always be `allowed`.
  double deviation(double allowed) const {
    if (sum == 0) return 0;
    return sum / std::sqrt(squares + std::pow(count * allowed, 2));
  }
  bool has_noise(double allowed) const { return squares > std::pow(count * allowed, 2); }
};

/// Looks at both halves row by row.
class Comparison {
 public:
  Comparison(const Picture& a, const Picture& b, double level)
      : a_(a), b_(b), level_(level), columns_(blocks_of(a.shape().width)) {
    blocks_.resize(std::size_t{columns_} * rows() * channels());
  }

  HalvesFigures figures() {
    std::vector<double> of_a(width() * channels());
    std::vector<double> of_b(width() * channels());
    for (std::uint32_t y = 0; y < a_.shape().height; ++y) {
      code_row(a_, y, of_a);
      code_row(b_, y, of_b);
      add_to_blocks(of_a, of_b, std::min(y / kHalvesBlock, rows() - 1));
      add_to_noise(of_a, of_b);
    }
    HalvesFigures out;
    for (std::size_t channel = 0; channel < channels(); ++channel) {
      look_at_blocks(channel, out);
      look_at_windows(channel, out);
    }
    out.noise = noise_.deviation(kUnevenNoise);
    return out;
  }

 private:
  static std::uint32_t blocks_of(std::uint32_t pixels) {
    return std::max(1U, pixels / kHalvesBlock);
  }
  std::size_t width() const { return a_.shape().width; }
  std::size_t channels() const { return a_.shape().channels; }
  std::uint32_t rows() const { return blocks_of(a_.shape().height); }
  Differences& at(std::uint32_t x, std::uint32_t y, std::size_t channel) {
    return blocks_[(y * std::size_t{columns_} + x) * channels() + channel];
  }

  static void code_row(const Picture& picture, std::uint32_t y, std::vector<double>& out) {
    const std::size_t channels = picture.shape().channels;
    for (std::uint32_t x = 0; x < picture.shape().width; ++x) {
      for (std::size_t channel = 0; channel < channels; ++channel) {
        out[x * channels + channel] = value_at(picture, x, y, channel);
      }
    }
  }

  void add_to_blocks(const std::vector<double>& of_a,
                     const std::vector<double>& of_b,
                     std::uint32_t row) {
    for (std::uint32_t x = 0; x < width(); ++x) {
      const std::uint32_t column = std::min(x / kHalvesBlock, columns_ - 1);
      Differences* sums = &at(column, row, 0);
      for (std::size_t channel = 0; channel < channels(); ++channel) {
        const std::size_t i = x * channels() + channel;
        sums[channel].add(of_a[i] - of_b[i]);
      }
    }
  }

  /// Pairs of neighbours that do not overlap, so that each has noise of its own.
  void add_to_noise(const std::vector<double>& of_a, const std::vector<double>& of_b) {
    for (std::size_t x = 0; x + 1 < width(); x += 2) {
      const double in_a = contrast(of_a, x);
      const double in_b = contrast(of_b, x);
      if (in_a + in_b > level_) noise_.add((in_a - in_b) / (in_a + in_b));
    }
  }

  /// Between a pixel and its right neighbour.
  double contrast(const std::vector<double>& row, std::size_t x) const {
    double sum = 0;
    for (int channel = 0; channel < a_.shape().colour_channels(); ++channel) {
      const std::size_t i = x * channels() + static_cast<std::size_t>(channel);
      sum += row[i + channels()] - row[i];
    }
    return std::abs(sum);
  }

  void look_at_blocks(std::size_t channel, HalvesFigures& out) {
    double excess = 0;
    double noisy = 0;
    for (std::uint32_t y = 0; y < rows(); ++y) {
      for (std::uint32_t x = 0; x < columns_; ++x) {
        const double block = std::abs(at(x, y, channel).deviation(level_));
        if (block > out.block) {
          out.block = block;
          out.block_x = x;
          out.block_y = y;
        }
        if (!at(x, y, channel).has_noise(level_)) continue;
        excess += block * block - 1;
        ++noisy;
      }
    }
    out.spread = std::max(out.spread, spread_of(excess, noisy));
  }

  /// The s of which excess = s sqrt(2 blocks) + s^2: it is exceeded with a probability below
  /// exp(-s^2 / 2) (Laurent and Massart, Annals of Statistics 28, 2000, lemma 1).
  static double spread_of(double excess, double blocks) {
    const double error = std::sqrt(2 * blocks + std::pow(kUnevenBlocks * blocks, 2));
    return (std::sqrt(error * error + 4 * std::max(0.0, excess)) - error) / 2;
  }

  void look_at_windows(std::size_t channel, HalvesFigures& out) {
    for (std::uint32_t y = 0; y + 1 < rows(); ++y) {
      for (std::uint32_t x = 0; x + 1 < columns_; ++x) {
        const double window = std::abs(window_at(x, y, channel).deviation(level_));
        if (window > out.window) {
          out.window = window;
          out.window_x = x;
          out.window_y = y;
        }
      }
    }
  }

  Differences window_at(std::uint32_t x, std::uint32_t y, std::size_t channel) {
    Differences out = at(x, y, channel);
    out.add(at(x + 1, y, channel));
    out.add(at(x, y + 1, channel));
    out.add(at(x + 1, y + 1, channel));
    return out;
  }

  const Picture& a_;
  const Picture& b_;
  const double level_;
  const std::uint32_t columns_;
  std::vector<Differences> blocks_;
  Differences noise_;
};

}  // namespace

Result<HalvesFigures> compare_halves(const Picture& a,
                                     const Picture& b,
                                     const HalvesLimits& limits) {
  if (a.empty() || a.shape() != b.shape()) {
    return fail(Errc::kInvalid, "halves: they have different sizes or formats");
  }
  if (!is_float(a.shape().depth)) {
    return fail(Errc::kInvalid, "halves: samples of integers have lost what would be compared");
  }
  return Comparison(a, b, limits.level).figures();
}

std::string difference_found(const HalvesFigures& figures, const HalvesLimits& limits) {
  if (figures.block > limits.block) {
    return fmt::format("the halves show different things around the pixel {},{}",
                       figures.block_x * kHalvesBlock, figures.block_y * kHalvesBlock);
  }
  if (figures.window > limits.window) {
    return fmt::format("the halves show different things near the pixel {},{}",
                       (figures.window_x + 1) * kHalvesBlock,
                       (figures.window_y + 1) * kHalvesBlock);
  }
  if (figures.spread > limits.spread) {
    return fmt::format("the halves show slightly different things, most around the pixel {},{}",
                       figures.block_x * kHalvesBlock, figures.block_y * kHalvesBlock);
  }
  if (std::abs(figures.noise) > limits.noise) {
    return figures.noise > 0 ? "the first half has more noise than the second: not as many samples"
                             : "the second half has more noise than the first: not as many samples";
  }
  return {};
}

}  // namespace worldshare::verifier
