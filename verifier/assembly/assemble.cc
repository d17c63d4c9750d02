#include "verifier/assembly/assemble.h"

#include <algorithm>
#include <vector>

#include "verifier/assembly/cover.h"

namespace worldshare::verifier {
namespace {

using messages::FrameSize;
using messages::PixelBox;
using messages::Shard;

constexpr std::uint8_t kChannels = 4;

std::size_t samples_of(const PixelBox& box) {
  return std::size_t{box.width()} * box.height() * kChannels;
}

/// The part's picture, and where in it the tile without its margin begins.
struct Part {
  Picture picture;
  std::uint32_t left = 0;
  std::uint32_t top = 0;

  const float* row(std::uint32_t y) const {
    return picture.row<float>(top + y) + std::size_t{left} * kChannels;
  }
};

Result<Part> load_part(const Shard& shard,
                       const PixelBox& tile,
                       const FrameSize& frame,
                       std::size_t index,
                       const LoadPart& load) {
  auto picture = load(index);
  if (!picture) return std::unexpected(picture.error());
  const PixelBox box = rendered_box(shard, frame);
  if (picture->shape() != Shape{box.width(), box.height(), kChannels, Depth::kF32}) {
    return fail(Errc::kInvalid, "the picture of " + shard_text(shard) +
                                    " has other pixels than its shard, or no float R G B A");
  }
  return Part{std::move(*picture), tile.x0 - box.x0, tile.y0 - box.y0};
}

class Assembly {
 public:
  Assembly(std::span<const Shard> shards, const FrameSize& frame, const LoadPart& load)
      : shards_(shards),
        frame_(frame),
        load_(load),
        out_(Shape{frame.width, frame.height, kChannels, Depth::kF32}) {}

  Result<> add(const TileParts& tile) {
    return shards_[tile.shards.front()].samples ? merge(tile) : copy(tile);
  }
  Picture take() { return std::move(out_); }

 private:
  float* out_row(const PixelBox& box, std::uint32_t y) {
    return out_.row<float>(box.y0 + y) + std::size_t{box.x0} * kChannels;
  }
  Result<Part> part(const TileParts& tile, std::size_t index) const {
    return load_part(shards_[index], tile.box, frame_, index, load_);
  }

  Result<> copy(const TileParts& tile) {
    const auto from = part(tile, tile.shards.front());
    if (!from) return std::unexpected(from.error());
    const std::size_t width = std::size_t{tile.box.width()} * kChannels;
    for (std::uint32_t y = 0; y < tile.box.height(); ++y) {
      std::copy_n(from->row(y), width, out_row(tile.box, y));
    }
    return {};
  }

  Result<> merge(const TileParts& tile) {
    sums_.assign(samples_of(tile.box), 0.0);
    const std::size_t width = std::size_t{tile.box.width()} * kChannels;
    for (const std::size_t index : tile.shards) {
      const auto from = part(tile, index);
      if (!from) return std::unexpected(from.error());
      const double weight = shards_[index].samples->count;
      for (std::uint32_t y = 0; y < tile.box.height(); ++y) {
        const float* row = from->row(y);
        double* sum = sums_.data() + y * width;
        for (std::size_t i = 0; i < width; ++i) sum[i] += weight * double{row[i]};
      }
    }
    const double total = shards_[tile.shards.front()].samples->total;
    for (std::uint32_t y = 0; y < tile.box.height(); ++y) {
      const double* sum = sums_.data() + y * width;
      float* row = out_row(tile.box, y);
      for (std::size_t i = 0; i < width; ++i) row[i] = static_cast<float>(sum[i] / total);
    }
    return {};
  }

  std::span<const Shard> shards_;
  const FrameSize& frame_;
  const LoadPart& load_;
  Picture out_;
  std::vector<double> sums_;  ///< of the tile in work
};

}  // namespace

ImageLimits part_limits(const Shard& shard, const FrameSize& frame) {
  const PixelBox box = rendered_box(shard, frame);
  ImageLimits out;
  out.format = image::Format::kExr;
  out.width = box.width();
  out.height = box.height();
  out.float_rgba = true;
  return out;
}

std::uint64_t assembling_bytes(std::span<const Shard> shards, const FrameSize& frame) {
  const Shape shape{frame.width, frame.height, kChannels, Depth::kF32};
  std::uint64_t sums = 0;
  for (const Shard& shard : shards) {
    if (!shard.samples) continue;
    const PixelBox box = shard.tile ? shard.tile->box : PixelBox{0, 0, frame.width, frame.height};
    sums = std::max<std::uint64_t>(sums, samples_of(box) * sizeof(double));
  }
  return shape.size_bytes() + sums;
}

Result<Picture> assemble(std::span<const Shard> shards,
                         const FrameSize& frame,
                         const LoadPart& load) {
  const auto tiles = cover(shards, frame);
  if (!tiles) return std::unexpected(tiles.error());
  Assembly assembly(shards, frame, load);
  for (const TileParts& tile : *tiles) {
    if (auto ok = assembly.add(tile); !ok) return std::unexpected(ok.error());
  }
  return assembly.take();
}

}  // namespace worldshare::verifier
