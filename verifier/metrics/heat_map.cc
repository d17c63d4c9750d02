#include "verifier/metrics/heat_map.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "verifier/metrics/kernels/rows.h"
#include "verifier/metrics/replicas.h"

namespace worldshare::verifier {
namespace {

/// For the kernels' building blocks: vectors that every processor has.
struct Isa {
  static constexpr std::size_t kBytes = 16;
};
using Rows = kernels::Rows<Isa>;
using Log = kernels::Logarithm<Isa, float>;
using Lanes = kernels::Lanes<Isa, float>;

using Colour = std::array<double, 3>;

/// Of "inferno" (Smith, van der Walt: matplotlib's perceptually uniform maps, CC0), every quarter.
constexpr std::array<Colour, 5> kRamp{Colour{0, 0, 4}, Colour{87, 16, 110}, Colour{188, 55, 84},
                                      Colour{249, 142, 9}, Colour{252, 255, 164}};

std::array<std::uint8_t, 3> colour_of(double relative_mse) {
  constexpr double kCold = 60;
  constexpr double kHot = 20;
  const double psnr = relative_mse > 0 ? -10 * std::log10(relative_mse) : kCold;
  const double at = std::clamp((kCold - psnr) / (kCold - kHot), 0.0, 1.0) * (kRamp.size() - 1);
  const auto below = std::min(static_cast<std::size_t>(at), kRamp.size() - 2);
  std::array<std::uint8_t, 3> out{};
  for (std::size_t c = 0; c < out.size(); ++c) {
    const double mixed =
        std::lerp(kRamp[below][c], kRamp[below + 1][c], at - static_cast<double>(below));
    out[c] = static_cast<std::uint8_t>(std::lround(mixed));
  }
  return out;
}

/// One row of a picture as the metrics compare it.
class CodedRow {
 public:
  explicit CodedRow(const kernels::Replicas& all)
      : all_(all),
        count_(std::size_t{all.width} * all.colours),
        packed_(count_ * sizeof(float) + 16),
        values_(Lanes::up(count_)) {}

  const std::vector<float>& read(std::uint32_t picture, std::uint32_t y) {
    const std::byte* row = all_.data[picture] + y * all_.stride;
    Rows::load(all_, row, all_.width, packed_.data(), values_.data());
    if (!Rows::is_float(all_)) return values_;
    Rows::clean(values_.data(), count_, all_.log);
    for (std::size_t i = 0; all_.log && i < values_.size(); i += Lanes::kCount) {
      Lanes::store(&values_[i], Log::of(Lanes::load(&values_[i])));
    }
    return values_;
  }

 private:
  const kernels::Replicas& all_;
  const std::size_t count_;
  std::vector<std::byte> packed_;
  std::vector<float> values_;
};

/// Mean squared differences over the squared peak of the tiles of one row of them.
std::vector<double> tile_errors(const kernels::Replicas& all,
                                std::uint32_t top,
                                std::uint32_t rows) {
  CodedRow a(all);
  CodedRow b(all);
  std::vector<double> out((all.width + kHeatTile - 1) / kHeatTile);
  for (std::uint32_t y = top; y < top + rows; ++y) {
    const auto& left = a.read(0, y);
    const auto& right = b.read(1, y);
    for (std::size_t i = 0; i < std::size_t{all.width} * all.colours; ++i) {
      const double d = (double{left[i]} - double{right[i]}) / all.peak;
      out[i / (std::size_t{kHeatTile} * all.colours)] += d * d;
    }
  }
  for (std::size_t tile = 0; tile < out.size(); ++tile) {
    const auto wide = std::min<std::size_t>(kHeatTile, all.width - tile * kHeatTile);
    out[tile] /= static_cast<double>(wide * rows * all.colours);
  }
  return out;
}

}  // namespace

Result<Picture> heat_map(const Picture& a, const Picture& b, Coding coding) {
  const auto all = view_replicas(std::array{a, b}, coding);
  if (!all) return std::unexpected(all.error());
  Picture out({all->width, all->height, 3, Depth::kU8});
  for (std::uint32_t top = 0; top < all->height; top += kHeatTile) {
    const std::uint32_t rows = std::min(kHeatTile, all->height - top);
    const auto errors = tile_errors(*all, top, rows);
    for (std::uint32_t x = 0; x < all->width; ++x) {
      const auto colour = colour_of(errors[x / kHeatTile]);
      for (std::uint32_t y = top; y < top + rows; ++y) {
        std::ranges::copy(colour, out.row<std::uint8_t>(y) + std::size_t{3} * x);
      }
    }
  }
  return out;
}

}  // namespace worldshare::verifier
