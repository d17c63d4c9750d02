#pragma once

#include <memory>
#include <vector>

#include "verifier/lpips/filter.h"
#include "verifier/lpips/network.h"
#include "verifier/lpips/row_stage.h"

namespace worldshare::verifier {

/// A network's filters, packed for this processor. Immutable.
class TrunkFilters {
 public:
  explicit TrunkFilters(const Network& network);
  const Network& network() const { return network_; }
  std::span<const Filter> of_stage(std::size_t stage) const { return filters_[stage]; }

 private:
  Network network_;
  std::vector<std::vector<Filter>> filters_;
};

/// The features of one picture, as rows of its taps. Not thread-safe; the filters must outlive it.
class Trunk {
 public:
  struct Tap {
    int channels = 0;
    int width = 0;
    std::vector<float> rows;  ///< that were not taken yet: [row][channel][width]
  };

  Trunk(const TrunkFilters& filters, int width);
  /// The next row of the network's input: R, G, B.
  void push(const float* row);
  void finish();
  std::vector<Tap>& taps() { return taps_; }

 private:
  static constexpr std::size_t kNoTap = ~std::size_t{0};
  struct Step {
    std::unique_ptr<RowStage> stage;
    std::size_t tap = kNoTap;
  };
  void feed(std::size_t step, const FeatureRow& row);
  void emit(std::size_t step, const FeatureRow& row);

  int width_;
  std::vector<Step> steps_;
  std::vector<Tap> taps_;
};

}  // namespace worldshare::verifier
