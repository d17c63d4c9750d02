#include "tests/support/random_replicas.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace worldshare::testing {
namespace {

using verifier::Depth;
using verifier::Picture;
using verifier::Shape;

/// What all replicas of a test share.
struct Scene {
  double level = 0;
  double slope = 0;
  double amount = 0;
};

double uniform(std::mt19937& random) { return static_cast<double>(random()) / 4294967296.0; }

/// In units of the peak, before it is clamped to what the depth holds.
double value(const Scene& scene, Kind kind, std::size_t replica, double x, double y, double noise) {
  const double base = 0.5 + 0.3 * std::sin(0.21 * x + scene.level) * std::cos(0.17 * y);
  const double offset = static_cast<double>(replica) * scene.amount;
  switch (kind) {
    case Kind::kFar: return noise;
    case Kind::kNoise: return base + 0.2 * scene.amount * (noise - 0.5);
    case Kind::kNear: return base + (noise < 0.01 ? 2e-5 : 0);
    case Kind::kFlat: return scene.level + offset;
    case Kind::kGradient: return scene.slope * x + (1 - scene.slope) * y / 100 + offset * y / 100;
    case Kind::kPattern: {
      const bool odd =
          (static_cast<int>(x) + static_cast<int>(y) + static_cast<int>(replica)) % 2 == 1;
      return scene.level + (odd ? scene.amount : 0);
    }
    case Kind::kBright: return std::exp2(10 * base) * (1 + 1e-5 * (noise - 0.5));
    case Kind::kHuge: {
      const bool lamp = (static_cast<int>(x) / 7 + static_cast<int>(y) / 5) % 9 == 0;
      return (base + 0.2 * scene.amount * (noise - 0.5)) * (lamp ? std::exp2(16 * noise) : 1);
    }
    case Kind::kEqual: return base;
  }
  return 0;
}

void put(Picture& picture, std::uint32_t y, std::size_t index, double value) {
  const double unit = std::clamp(value, 0.0, 1.0);
  switch (picture.shape().depth) {
    case Depth::kU8:
      picture.row<std::uint8_t>(y)[index] = static_cast<std::uint8_t>(std::lround(unit * 255));
      return;
    case Depth::kU16:
      picture.row<std::uint16_t>(y)[index] = static_cast<std::uint16_t>(std::lround(unit * 65535));
      return;
    case Depth::kF16: picture.row<std::uint16_t>(y)[index] = to_half(std::max(0.0, value)); return;
    case Depth::kF32: picture.row<float>(y)[index] = static_cast<float>(value); return;
  }
}

}  // namespace

std::uint16_t to_half(double value) {
  int exponent = 0;
  std::frexp(value, &exponent);
  exponent = std::max(exponent, -13);  // below it steps are those of the subnormal ones
  const double steps = std::nearbyint(std::ldexp(value, 11 - exponent));
  return static_cast<std::uint16_t>(steps + (exponent + 13) * 1024);
}

std::vector<Picture> random_replicas(const Shape& shape,
                                     Kind kind,
                                     std::size_t count,
                                     std::mt19937& random) {
  const Scene scene{0.6 * uniform(random), uniform(random) / 100, 0.1 * uniform(random)};
  std::vector<Picture> out;
  for (std::size_t replica = 0; replica < count; ++replica) {
    Picture picture(shape);
    for (std::uint32_t y = 0; y < shape.height; ++y) {
      for (std::size_t i = 0; i < std::size_t{shape.width} * shape.channels; ++i) {
        const std::size_t x = i / shape.channels;
        put(picture, y, i, value(scene, kind, replica, static_cast<double>(x), y, uniform(random)));
      }
    }
    out.push_back(std::move(picture));
  }
  return out;
}

void put_wild_samples(verifier::Picture& picture, std::mt19937& random) {
  const Shape& shape = picture.shape();
  for (const float value : {-1e30F, -3.0F, -0.3F, -0.01F, -5e-4F, -0.0F, 65600.0F, 1e6F, 3e38F,
                            INFINITY, -INFINITY, NAN}) {
    const auto row = static_cast<std::uint32_t>(random() % shape.height);
    picture.row<float>(row)[random() % (shape.width * shape.channels)] = value;
  }
}

Shape random_shape(std::mt19937& random) {
  const auto odd = [&](unsigned range) {
    return static_cast<std::uint32_t>(2 * (random() % range) + 1);
  };
  const unsigned range = random() % 5 == 0 ? 6 : 60;  // every fifth has a side of 11 or less
  return {odd(range), odd(50), static_cast<std::uint8_t>(1 + random() % 4),
          static_cast<Depth>(random() % 4)};
}

std::string describe(const Shape& shape, Kind kind, std::size_t count) {
  return fmt::format("{} replicas of {}x{}x{}, depth {}, kind {}", count, shape.width, shape.height,
                     shape.channels, static_cast<int>(shape.depth), static_cast<int>(kind));
}

}  // namespace worldshare::testing
