#pragma once

#include <functional>
#include <memory>

#include "verifier/lpips/filter.h"
#include "verifier/lpips/row_window.h"

namespace worldshare::verifier {

using RowSink = std::function<void(const FeatureRow&)>;

/// A stage of a trunk for one picture: rows go in from top to bottom, rows come out as soon as all
/// that they depend on went in. A row is valid until the sink returns.
class RowStage {
 public:
  virtual ~RowStage() = default;
  virtual void push(const FeatureRow& row, const RowSink& sink) = 0;
  /// After the last row.
  virtual void finish(const RowSink& sink) = 0;
  virtual int out_width() const = 0;
};

/// The filters must outlive the stages.
std::unique_ptr<RowStage> make_convolution_stage(const Filter& filter, int width);
std::unique_ptr<RowStage> make_fire_stage(std::span<const Filter, 3> filters, int width);
std::unique_ptr<RowStage> make_pool_stage(int channels, int width, bool ceil);

}  // namespace worldshare::verifier
