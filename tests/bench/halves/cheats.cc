#include "tests/bench/halves/cheats.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <functional>
#include <map>
#include <random>
#include <stdexcept>

namespace worldshare::bench {
namespace {

using verifier::Picture;
using verifier::Shape;

constexpr std::uint32_t kChannels = 4;
constexpr double kRegion = 0.005;       ///< of the pixels
constexpr double kVisible = 2.0 / 255;  ///< the mean change within the region, as it is shown
constexpr float kGrey = 0.2158605F;     ///< 128 of 255 in sRGB
constexpr int kPlaces = 50;             ///< that are tried until the change shows

struct Pixel {
  const Picture& picture;
  std::uint32_t x;
  std::uint32_t y;
  std::uint32_t channel;

  float at(std::uint32_t column) const {
    return picture.row<float>(y)[std::size_t{column} * kChannels + channel];
  }
};
using Change = std::function<float(const Pixel&)>;

const std::map<std::string, Change> kRegions = {
    {"grey", [](const Pixel&) { return kGrey; }},
    {"brighter", [](const Pixel& pixel) { return 1.1F * pixel.at(pixel.x); }},
    {"moved",
     [](const Pixel& pixel) {
       const std::uint32_t width = pixel.picture.shape().width;
       return pixel.at((pixel.x + width / 2) % width);
     }},
};

/// IEC 61966-2-1.
double shown(float linear) {
  const double x = std::clamp(linear, 0.0F, 1.0F);
  return x <= 0.0031308 ? 12.92 * x : 1.055 * std::pow(x, 1 / 2.4) - 0.055;
}

Picture copy_of(const Picture& from) {
  Picture out(from.shape());
  std::copy_n(from.data(), from.shape().size_bytes(), out.data());
  return out;
}

/// Changes the region in `out`; by how much it changes as it is shown, on average.
double change_region(const Picture& half,
                     const Change& change,
                     std::uint32_t left,
                     std::uint32_t top,
                     std::uint32_t side,
                     Picture& out) {
  double sum = 0;
  for (std::uint32_t y = top; y < top + side; ++y) {
    for (std::uint32_t x = left; x < left + side; ++x) {
      for (std::uint32_t channel = 0; channel + 1 < kChannels; ++channel) {
        const Pixel pixel{half, x, y, channel};
        const float value = change(pixel);
        sum += std::abs(shown(value) - shown(pixel.at(x)));
        out.row<float>(y)[std::size_t{x} * kChannels + channel] = value;
      }
    }
  }
  return sum / (3.0 * side * side);
}

std::optional<Picture> with_region(const Picture& half, const Change& change, std::uint32_t seed) {
  const Shape& shape = half.shape();
  const auto side =
      static_cast<std::uint32_t>(std::lround(std::sqrt(kRegion * shape.width * shape.height)));
  std::mt19937 random(seed);
  for (int place = 0; place < kPlaces; ++place) {
    const auto left = static_cast<std::uint32_t>(random() % (shape.width - side));
    const auto top = static_cast<std::uint32_t>(random() % (shape.height - side));
    Picture out = copy_of(half);
    if (change_region(half, change, left, top, side, out) >= kVisible) return out;
  }
  return {};
}

/// A picture of `shape` whose samples are `value(x, y, channel)`.
template <class F>
Picture made(const Shape& shape, F value) {
  Picture out(shape);
  for (std::uint32_t y = 0; y < shape.height; ++y) {
    for (std::uint32_t x = 0; x < shape.width; ++x) {
      for (std::uint32_t channel = 0; channel < kChannels; ++channel) {
        out.row<float>(y)[std::size_t{x} * kChannels + channel] = value(x, y, channel);
      }
    }
  }
  return out;
}

Shape twice(Shape shape) {
  shape.width *= 2;
  shape.height *= 2;
  return shape;
}

/// Samples beyond an edge are those at it.
float near_edge(const Picture& half, std::int64_t x, std::int64_t y, std::uint32_t channel) {
  const auto column = std::clamp<std::int64_t>(x, 0, half.shape().width - 1);
  const auto row = std::clamp<std::int64_t>(y, 0, half.shape().height - 1);
  return half.row<float>(
      static_cast<std::uint32_t>(row))[static_cast<std::size_t>(column) * kChannels + channel];
}

Picture doubled(const Picture& half) {
  return made(twice(half.shape()), [&](std::uint32_t x, std::uint32_t y, std::uint32_t channel) {
    return near_edge(half, x / 2, y / 2, channel);
  });
}

/// Bilinear, between the centres of the pixels.
Picture smoothly(const Picture& half) {
  return made(twice(half.shape()), [&](std::uint32_t x, std::uint32_t y, std::uint32_t channel) {
    const std::int64_t u = x / 2;
    const std::int64_t v = y / 2;
    const std::int64_t beside = x % 2 == 0 ? u - 1 : u + 1;
    const std::int64_t above = y % 2 == 0 ? v - 1 : v + 1;
    return 0.5625F * near_edge(half, u, v, channel) +
           0.1875F * near_edge(half, beside, v, channel) +
           0.1875F * near_edge(half, u, above, channel) +
           0.0625F * near_edge(half, beside, above, channel);
  });
}

Picture blurred(const Picture& half) {
  return made(half.shape(), [&](std::uint32_t x, std::uint32_t y, std::uint32_t channel) {
    float sum = 0;
    for (std::int64_t v = -1; v <= 1; ++v) {
      for (std::int64_t u = -1; u <= 1; ++u) sum += near_edge(half, x + u, y + v, channel);
    }
    return sum / 9;
  });
}

}  // namespace

std::optional<Picture> cheated(const Picture& half, const std::string& change, std::uint32_t seed) {
  if (change == "none") return half;
  if (change == "doubled") return doubled(half);
  if (change == "smoothly") return smoothly(half);
  if (change == "blurred") return blurred(half);
  const auto region = kRegions.find(change);
  if (region == kRegions.end()) throw std::invalid_argument("no change " + change);
  return with_region(half, region->second, seed);
}

}  // namespace worldshare::bench
