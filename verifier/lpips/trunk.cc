#include "verifier/lpips/trunk.h"

namespace worldshare::verifier {
namespace {

std::unique_ptr<RowStage> make_stage(const TrunkFilters& filters,
                                     std::size_t stage,
                                     int channels,
                                     int width) {
  const auto own = filters.of_stage(stage);
  switch (filters.network().stages[stage].kind) {
    case Stage::Kind::kConvolution: return make_convolution_stage(own[0], width);
    case Stage::Kind::kFire: return make_fire_stage(own.first<3>(), width);
    case Stage::Kind::kPool: break;
  }
  return make_pool_stage(channels, width, filters.network().ceil_pool);
}

}  // namespace

TrunkFilters::TrunkFilters(const Network& network) : network_(network) {
  for (const Stage& stage : network_.stages) {
    auto& filters = filters_.emplace_back();
    for (const Convolution& convolution : stage.convolutions) {
      filters.emplace_back(convolution, tile_kernel());
    }
  }
}

Trunk::Trunk(const TrunkFilters& filters, int width) : width_(width) {
  int channels = 3;
  for (std::size_t i = 0; i < filters.network().stages.size(); ++i) {
    const Stage& stage = filters.network().stages[i];
    Step step{make_stage(filters, i, channels, width), stage.tap ? taps_.size() : kNoTap};
    width = step.stage->out_width();
    if (stage.kind != Stage::Kind::kPool) channels = stage.out_channels();
    if (stage.tap) taps_.push_back({channels, width, {}});
    steps_.push_back(std::move(step));
  }
}

void Trunk::push(const float* row) { feed(0, {row, width_}); }

void Trunk::finish() {
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    steps_[i].stage->finish([this, i](const FeatureRow& row) { emit(i, row); });
  }
}

void Trunk::feed(std::size_t step, const FeatureRow& row) {
  if (step == steps_.size()) return;
  steps_[step].stage->push(row, [this, step](const FeatureRow& out) { emit(step, out); });
}

void Trunk::emit(std::size_t step, const FeatureRow& row) {
  if (steps_[step].tap != kNoTap) {
    Tap& tap = taps_[steps_[step].tap];
    for (int c = 0; c < tap.channels; ++c) {
      const float* from = row.data + c * row.stride;
      tap.rows.insert(tap.rows.end(), from, from + tap.width);
    }
  }
  feed(step + 1, row);
}

}  // namespace worldshare::verifier
