#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace worldshare::verifier {

/// One row of all channels, `stride` floats from one channel to the next.
struct FeatureRow {
  const float* data = nullptr;
  std::ptrdiff_t stride = 0;
};

/// The newest rows that a convolution looks at, padded with zeros. Samples that one step of the
/// convolution's stride apart are neighbours in memory, so that a kernel reads many outputs'
/// samples in one go.
class RowWindow {
 public:
  struct Geometry {
    int channels = 0;
    int width = 0;  ///< of the rows that come in, pixels
    int kernel = 1;
    int stride = 1;
    int pad = 0;
    int overrun = 0;  ///< outputs that may be computed beyond the width
  };
  explicit RowWindow(const Geometry& geometry);

  void push(const FeatureRow& row);
  void push_zeros();
  /// All rows of the next output row are there.
  bool ready() const { return seen_ >= first_ + geometry_.kernel; }
  /// On to the next output row.
  void advance() { first_ += geometry_.stride; }

  const float* data() const { return samples_.data(); }
  /// Where the samples of output 0 of the next output row are, in the order of a weight's
  /// [in][kernel][kernel]; `kernel` may be smaller than the window by an even number, and is then
  /// its middle. Output x is x floats further.
  std::vector<std::int32_t> offsets(int kernel) const;

 private:
  std::ptrdiff_t slot_floats() const { return channel_floats_ * geometry_.channels; }
  Geometry geometry_;
  std::ptrdiff_t phase_floats_;
  std::ptrdiff_t channel_floats_;
  std::vector<float> samples_;
  int seen_;  ///< rows, the padding's included
  int first_ = 0;
};

}  // namespace worldshare::verifier
