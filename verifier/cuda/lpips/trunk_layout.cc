#include "verifier/cuda/lpips/trunk_layout.h"

#include <algorithm>

#include "verifier/cuda/lpips/convolve.h"

namespace worldshare::verifier::cuda {
namespace {

// A feature of the last stage depends on 66 rows above its own and 96 below (alex), or 88 and 118
// (squeeze), counted from the first of its kTrunkStride rows.
constexpr int kMargin = 112;

}  // namespace

std::size_t FeatureSize::bytes() const {
  return static_cast<std::size_t>(width) * static_cast<std::size_t>(height) *
         static_cast<std::size_t>(groups(channels) * kChunk) * sizeof(std::uint16_t);
}

TrunkLayout::TrunkLayout(const Network& network, const Patches& patches, int width, int height) {
  const Convolution& first = network.stages.front().convolutions.front();
  const int elements = (first.kernel + patches.side - 1) / patches.side;
  add({patches.channels(), first.out_size(width) + elements - 1,
       first.out_size(height) + elements - 1, patches.step});
  add({first.out, first.out_size(width), first.out_size(height), first.stride});
  tap_pixels_ = features_.back().width * features_.back().height;
  for (std::size_t i = 1; i < network.stages.size(); ++i) add_stage(network, network.stages[i]);
}

void TrunkLayout::add(const FeatureSize& size) {
  std::size_t& bytes = region_bytes_[features_.size() % 2];
  bytes = std::max(bytes, size.bytes());
  features_.push_back(size);
}

void TrunkLayout::add_stage(const Network& network, const Stage& stage) {
  FeatureSize size = features_.back();
  if (stage.kind == Stage::Kind::kPool) {
    size.width = network.pooled(size.width);
    size.height = network.pooled(size.height);
    size.stride *= 2;
    add(size);
    return;
  }
  if (stage.kind == Stage::Kind::kFire) {
    size.channels = stage.convolutions[0].out;
    add(size);
  }
  size.channels = stage.out_channels();
  add(size);
}

std::vector<Band> make_bands(int height, int own_rows) {
  std::vector<Band> out;
  for (int own = 0; own < height; own += own_rows) {
    Band band;
    band.own_first = own;
    band.own_end = std::min(height, own + own_rows);
    band.first = std::max(0, own - kMargin);
    band.last = band.own_end == height;
    band.rows = std::min(height, band.own_end + kMargin) - band.first;
    out.push_back(band);
  }
  return out;
}

}  // namespace worldshare::verifier::cuda
