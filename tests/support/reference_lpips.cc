#include "tests/support/reference_lpips.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <random>

#include "shared/files.h"
#include "shared/image/canonical.h"
#include "verifier/image/decode.h"
#include "verifier/lpips/input_rows.h"

namespace worldshare::verifier::testing {
namespace {

struct Planes {
  int channels = 0;
  int width = 0;
  int height = 0;
  std::vector<double> values;  ///< [channel][y][x]

  Planes(int c, int w, int h)
      : channels(c),
        width(w),
        height(h),
        values(static_cast<std::size_t>(c) * static_cast<std::size_t>(w) *
               static_cast<std::size_t>(h)) {}
  double& at(int c, int y, int x) { return values.data()[(c * height + y) * width + x]; }
  double at(int c, int y, int x) const { return values.data()[(c * height + y) * width + x]; }
  bool inside(int y, int x) const { return y >= 0 && x >= 0 && y < height && x < width; }
};

Planes input(const Picture& picture) {
  const auto width = picture.shape().width;
  Planes out(3, static_cast<int>(width), static_cast<int>(picture.shape().height));
  const InputRows rows(picture);
  std::vector<float> row(std::size_t{3} * width);
  for (int y = 0; y < out.height; ++y) {
    rows.read(static_cast<std::uint32_t>(y), row);
    for (int c = 0; c < 3; ++c) {
      for (int x = 0; x < out.width; ++x) {
        out.at(c, y, x) = double{row.data()[c * out.width + x]};
      }
    }
  }
  return out;
}

double product(const Planes& in, const Convolution& c, int o, int y, int x) {
  double sum = 0;
  const float* weight = c.weight.data() + o * c.in * c.kernel * c.kernel;
  for (int i = 0; i < c.in; ++i) {
    for (int dy = 0; dy < c.kernel; ++dy) {
      for (int dx = 0; dx < c.kernel; ++dx, ++weight) {
        const int from_y = y * c.stride - c.pad + dy;
        const int from_x = x * c.stride - c.pad + dx;
        if (in.inside(from_y, from_x)) sum += double{*weight} * in.at(i, from_y, from_x);
      }
    }
  }
  return sum;
}

Planes convolve(const Planes& in, const Convolution& c) {
  Planes out(c.out, c.out_size(in.width), c.out_size(in.height));
  for (int o = 0; o < c.out; ++o) {
    for (int y = 0; y < out.height; ++y) {
      for (int x = 0; x < out.width; ++x) {
        const double sum = product(in, c, o, y, x) + double{c.bias[static_cast<std::size_t>(o)]};
        out.at(o, y, x) = std::max(0.0, sum);
      }
    }
  }
  return out;
}

// torch.nn.MaxPool2d(3, 2): ceil_mode keeps a last window that begins inside.
int pooled(int size, bool ceil) { return (size - 3 + (ceil ? 1 : 0)) / 2 + 1; }

Planes pool(const Planes& in, bool ceil) {
  Planes out(in.channels, pooled(in.width, ceil), pooled(in.height, ceil));
  for (int c = 0; c < in.channels; ++c) {
    for (int y = 0; y < out.height; ++y) {
      for (int x = 0; x < out.width; ++x) {
        double highest = 0;
        for (int i = 0; i < 9; ++i) {
          const int from_y = 2 * y + i / 3;
          const int from_x = 2 * x + i % 3;
          if (in.inside(from_y, from_x)) highest = std::max(highest, in.at(c, from_y, from_x));
        }
        out.at(c, y, x) = highest;
      }
    }
  }
  return out;
}

Planes fire(const Planes& in, const Stage& stage) {
  const Planes squeezed = convolve(in, stage.convolutions[0]);
  Planes left = convolve(squeezed, stage.convolutions[1]);
  const Planes right = convolve(squeezed, stage.convolutions[2]);
  left.channels += right.channels;
  left.values.insert(left.values.end(), right.values.begin(), right.values.end());
  return left;
}

std::vector<Planes> taps(const Network& network, const Picture& picture) {
  std::vector<Planes> out;
  Planes now = input(picture);
  for (const Stage& stage : network.stages) {
    switch (stage.kind) {
      case Stage::Kind::kConvolution: now = convolve(now, stage.convolutions[0]); break;
      case Stage::Kind::kPool: now = pool(now, network.ceil_pool); break;
      case Stage::Kind::kFire: now = fire(now, stage); break;
    }
    if (stage.tap) out.push_back(now);
  }
  return out;
}

double length(const Planes& f, int y, int x) {
  double sum = 0;
  for (int c = 0; c < f.channels; ++c) sum += f.at(c, y, x) * f.at(c, y, x);
  return std::sqrt(sum) + 1e-10;
}

double tap_distance(const Planes& a, const Planes& b, std::span<const float> linear) {
  double sum = 0;
  for (int y = 0; y < a.height; ++y) {
    for (int x = 0; x < a.width; ++x) {
      const double left = length(a, y, x);
      const double right = length(b, y, x);
      for (int c = 0; c < a.channels; ++c) {
        const double d = a.at(c, y, x) / left - b.at(c, y, x) / right;
        sum += double{linear[static_cast<std::size_t>(c)]} * d * d;
      }
    }
  }
  return sum / (a.width * a.height);
}

std::uint16_t as_half(float value) {  // of [2^-14, 65504), rounded down
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if (value < 6.2e-5F) return 0;
  return static_cast<std::uint16_t>((bits >> 13) - (112U << 10));
}

void store(Picture& picture, std::uint32_t y, std::size_t sample, double value) {
  switch (picture.shape().depth) {
    case Depth::kU8:
      picture.row<std::uint8_t>(y)[sample] = static_cast<std::uint8_t>(std::lround(255 * value));
      return;
    case Depth::kU16:
      picture.row<std::uint16_t>(y)[sample] =
          static_cast<std::uint16_t>(std::lround(65535 * value));
      return;
    case Depth::kF16:
      picture.row<std::uint16_t>(y)[sample] = as_half(static_cast<float>(value));
      return;
    case Depth::kF32: picture.row<float>(y)[sample] = static_cast<float>(value); return;
  }
}

}  // namespace

double reference_lpips(const Network& network, const Picture& a, const Picture& b) {
  const auto left = taps(network, a);
  const auto right = taps(network, b);
  double sum = 0;
  for (std::size_t i = 0; i < left.size(); ++i) {
    sum += tap_distance(left[i], right[i], network.linear[i]);
  }
  return sum;
}

std::filesystem::path models_directory() {
  const char* own = std::getenv("WORLDSHARE_MODELS");
  return own != nullptr ? own : WS_SOURCE_DIR "/../shared/models";
}

std::string models_missing() {
  if (std::filesystem::exists(models_directory())) return {};
  return "no models in " + models_directory().string() + " (set WORLDSHARE_MODELS)";
}

PublishedDistances published_distances(Net net) {
  if (net == Net::kAlex) return {0.7218807120946, 0.1375656099633};
  return {0.7110476431730, 0.1479015754879};
}

std::vector<Picture> published_pictures() {
  std::vector<Picture> out;
  for (const char* name : {"ex_ref.png", "ex_p0.png", "ex_p1.png"}) {
    const auto file = read_file(models_directory() / "golden" / name, 1 << 20);
    if (!file) return {};
    const auto canonical = image::canonical(as_bytes(*file)).value();
    const auto header = image::read_header(canonical).value();
    out.push_back(decode(canonical, {header.format, header.width, header.height}).value());
  }
  return out;
}

Picture random_picture(const Shape& shape, unsigned seed, unsigned noise_seed, double noise) {
  std::mt19937 shapes(seed);
  std::mt19937 grain(noise_seed);
  std::uniform_real_distribution<double> unit(0, 1);
  std::vector<double> waves(std::size_t{6} * shape.channels);
  for (double& wave : waves) wave = unit(shapes);
  Picture out(shape);
  for (std::uint32_t y = 0; y < shape.height; ++y) {
    for (std::uint32_t x = 0; x < shape.width; ++x) {
      for (std::size_t c = 0; c < shape.channels; ++c) {
        const double* w = waves.data() + 6 * c;
        const double soft = 0.25 * (std::sin((w[0] * x + w[1] * y) / 5) + 1) +
                            0.25 * (std::sin((w[2] * x - w[3] * y) / (2 + 20 * w[4]) + w[5]) + 1);
        const double value = soft + noise * (unit(grain) - 0.5);
        store(out, y, x * shape.channels + c, std::clamp(value, 0.0, 1.0));
      }
    }
  }
  return out;
}

}  // namespace worldshare::verifier::testing
