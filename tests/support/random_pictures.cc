#include "tests/support/random_pictures.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace worldshare::testing {
namespace {

using verifier::Depth;
using verifier::Picture;
using verifier::Shape;

constexpr int kDepths = 4;
constexpr int kKinds = 5;

/// The nearest half of a number up to 65504, by its definition.
std::uint16_t half_bits(double value) {
  const std::uint16_t sign = std::signbit(value) ? 0x8000 : 0;
  const double size = std::abs(value);
  if (!(size <= 65504)) return static_cast<std::uint16_t>(sign | 0x7c00);
  const int exponent = std::max(size > 0 ? std::ilogb(size) : -14, -14);
  const auto steps = static_cast<int>(std::nearbyint(std::ldexp(size, 10 - exponent)));
  return static_cast<std::uint16_t>(sign | (((exponent + 14) << 10) + steps));
}

void put(Picture& picture, std::uint32_t x, std::uint32_t y, double value) {
  switch (picture.shape().depth) {
    case Depth::kU8:
      picture.row<std::uint8_t>(y)[x] =
          static_cast<std::uint8_t>(std::lround(255 * std::clamp(value, 0.0, 1.0)));
      return;
    case Depth::kU16:
      picture.row<std::uint16_t>(y)[x] =
          static_cast<std::uint16_t>(std::lround(65535 * std::clamp(value, 0.0, 1.0)));
      return;
    case Depth::kF16: picture.row<std::uint16_t>(y)[x] = half_bits(value); return;
    case Depth::kF32: picture.row<float>(y)[x] = static_cast<float>(value); return;
  }
}

/// A pattern with edges and gradients; bright ones reach far beyond white.
double scene(std::uint32_t x, std::uint32_t y, double frequency, double brightness) {
  const double wave = 0.3 * std::sin(frequency * x) * std::cos(1.7 * frequency * y);
  const double checks = (x / 21 + y / 5) % 2 == 0 ? 0.1 : -0.1;
  return brightness * (0.5 + wave + checks);
}

}  // namespace

Picture noise(const Shape& shape, std::mt19937& random) {
  std::uniform_real_distribution<double> value(0, 1);
  Picture out(shape);
  for (std::uint32_t y = 0; y < shape.height; ++y) {
    for (std::uint32_t x = 0; x < shape.width * shape.channels; ++x) put(out, x, y, value(random));
  }
  return out;
}

std::vector<Picture> random_pictures(std::mt19937& random, int kind) {
  const auto depth = static_cast<Depth>(kind % kDepths);
  const int apart = kind / kDepths % kKinds;
  const Shape shape{11 + static_cast<std::uint32_t>(random() % 180),
                    11 + static_cast<std::uint32_t>(random() % 140),
                    static_cast<std::uint8_t>(3 + random() % 2), depth};
  const double brightness = verifier::is_float(depth) && random() % 2 == 0 ? 8 : 1;
  const double frequency = std::uniform_real_distribution<double>(0.01, 0.2)(random);
  constexpr double kNoise[kKinds] = {0.2, 0.01, 0.0005, 0, 0.01};
  std::normal_distribution<double> noise(0, 1);
  std::vector<Picture> out;
  const auto count = 2 + random() % 4;
  for (std::size_t k = 0; k < count; ++k) {
    Picture picture(shape);
    for (std::uint32_t y = 0; y < shape.height; ++y) {
      for (std::uint32_t x = 0; x < shape.width * shape.channels; ++x) {
        double value = scene(x, y, frequency, brightness) + kNoise[apart] * noise(random);
        if (apart == 3)
          value = value * (1 - 0.05 * static_cast<double>(k)) + 0.02 * static_cast<double>(k);
        if (apart == 4 && random() % 500 == 0) value = std::numeric_limits<double>::infinity();
        put(picture, x, y, value);
      }
    }
    out.push_back(std::move(picture));
  }
  return out;
}

std::string describe(const std::vector<Picture>& pictures) {
  const Shape& shape = pictures[0].shape();
  return std::to_string(pictures.size()) + " pictures of " + std::to_string(shape.width) + "x" +
         std::to_string(shape.height) + ", " + std::to_string(shape.channels) +
         " channels, depth " + std::to_string(static_cast<int>(shape.depth));
}

}  // namespace worldshare::testing
