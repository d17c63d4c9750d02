#include "verifier/lpips/row_stage.h"

#include <algorithm>

namespace worldshare::verifier {
namespace {

RowWindow::Geometry geometry(const Filter& filter, int width) {
  const Convolution& c = filter.shape();
  const int out = c.out_size(width);
  return {c.in, width, c.kernel, c.stride, c.pad, filter.padded_width(out) - out};
}

class ConvolutionStage final : public RowStage {
 public:
  ConvolutionStage(const Filter& filter, int width)
      : filter_(filter),
        window_(geometry(filter, width)),
        out_width_(filter.shape().out_size(width)),
        stride_(filter.padded_width(out_width_)),
        out_(static_cast<std::size_t>(filter.padded_rows() * stride_)) {}

  void push(const FeatureRow& row, const RowSink& sink) override {
    window_.push(row);
    emit(sink);
  }
  void finish(const RowSink& sink) override {
    for (int i = 0; i < filter_.shape().pad; ++i) {
      window_.push_zeros();
      emit(sink);
    }
  }
  int out_width() const override { return out_width_; }

 private:
  void emit(const RowSink& sink) {
    if (!window_.ready()) return;
    filter_.apply(window_.data(), window_.offsets(filter_.shape().kernel), out_width_, out_.data(),
                  stride_);
    window_.advance();
    sink({out_.data(), stride_});
  }

  const Filter& filter_;
  RowWindow window_;
  int out_width_;
  std::ptrdiff_t stride_;
  std::vector<float> out_;
};

class FireStage final : public RowStage {
 public:
  FireStage(std::span<const Filter, 3> filters, int width)
      : squeeze_(filters[0], width),
        point_(filters[1]),
        square_(filters[2]),
        window_(geometry(square_, width)),
        width_(width),
        stride_(square_.padded_width(width)),
        out_(static_cast<std::size_t>((point_.padded_rows() + square_.padded_rows()) * stride_)) {}

  void push(const FeatureRow& row, const RowSink& sink) override {
    squeeze_.push(row, [this](const FeatureRow& squeezed) { window_.push(squeezed); });
    emit(sink);
  }
  void finish(const RowSink& sink) override {
    window_.push_zeros();
    emit(sink);
  }
  int out_width() const override { return width_; }

 private:
  void emit(const RowSink& sink) {
    if (!window_.ready()) return;
    point_.apply(window_.data(), window_.offsets(1), width_, out_.data(), stride_);
    square_.apply(window_.data(), window_.offsets(3), width_,
                  out_.data() + point_.shape().out * stride_, stride_);
    window_.advance();
    sink({out_.data(), stride_});
  }

  ConvolutionStage squeeze_;
  const Filter& point_;
  const Filter& square_;
  RowWindow window_;
  int width_;
  std::ptrdiff_t stride_;
  std::vector<float> out_;
};

class PoolStage final : public RowStage {
 public:
  PoolStage(int channels, int width, bool ceil)
      : channels_(channels),
        width_(width),
        ceil_(ceil),
        out_width_(ceil ? width / 2 : (width - 1) / 2),
        highest_(static_cast<std::size_t>(channels * width)),
        out_(static_cast<std::size_t>(channels * out_width_)) {}

  void push(const FeatureRow& row, const RowSink& sink) override {
    const bool first = seen_ == 0;
    const bool boundary = seen_ % 2 == 0;
    ++seen_;
    if (!first) fold(row);
    if (!first && boundary) emit(sink);
    if (boundary) start(row);
  }
  void finish(const RowSink& sink) override {
    const bool half_window = seen_ % 2 == 0;
    if (half_window && ceil_) emit(sink);
  }
  int out_width() const override { return out_width_; }

 private:
  void start(const FeatureRow& row) {
    for (int c = 0; c < channels_; ++c) {
      std::copy_n(row.data + c * row.stride, width_, highest_.begin() + c * width_);
    }
  }
  void fold(const FeatureRow& row) {
    for (int c = 0; c < channels_; ++c) {
      float* highest = highest_.data() + c * width_;
      const float* from = row.data + c * row.stride;
      for (int x = 0; x < width_; ++x) highest[x] = std::max(highest[x], from[x]);
    }
  }
  void emit(const RowSink& sink) {
    for (int c = 0; c < channels_; ++c) {
      const float* highest = highest_.data() + c * width_;
      float* out = out_.data() + c * out_width_;
      for (int x = 0; x < out_width_; ++x) {
        const int last = std::min(2 * x + 2, width_ - 1);
        out[x] = std::max({highest[2 * x], highest[2 * x + 1], highest[last]});
      }
    }
    sink({out_.data(), out_width_});
  }

  int channels_;
  int width_;
  bool ceil_;
  int out_width_;
  int seen_ = 0;
  std::vector<float> highest_;  ///< of the rows of the next output
  std::vector<float> out_;
};

}  // namespace

std::unique_ptr<RowStage> make_convolution_stage(const Filter& filter, int width) {
  return std::make_unique<ConvolutionStage>(filter, width);
}

std::unique_ptr<RowStage> make_fire_stage(std::span<const Filter, 3> filters, int width) {
  return std::make_unique<FireStage>(filters, width);
}

std::unique_ptr<RowStage> make_pool_stage(int channels, int width, bool ceil) {
  return std::make_unique<PoolStage>(channels, width, ceil);
}

}  // namespace worldshare::verifier
