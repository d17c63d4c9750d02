#pragma once

#include <cstddef>
#include <vector>

#include "verifier/cuda/lpips/unfold.h"
#include "verifier/lpips/network.h"

namespace worldshare::verifier::cuda {

/// Rows of a picture that go through the trunk at once: [first, first + rows). Of what comes out,
/// only what belongs to the rows [own_first, own_end) counts; the others are there because the
/// features depend on them. first and own_first are multiples of kTrunkStride.
struct Band {
  int first = 0;
  int rows = 0;
  int own_first = 0;
  int own_end = 0;
  bool last = false;
};

/// One picture's features on their way through a trunk.
struct FeatureSize {
  int channels = 0;
  int width = 0;
  int height = 0;
  int stride = 1;  ///< pixels of the picture from one to the next
  std::size_t bytes() const;
};

/// Sizes of a trunk's features for pictures of one size. Two regions of memory take turns: each
/// step reads one and writes the other.
class TrunkLayout {
 public:
  TrunkLayout(const Network& network, const Patches& patches, int width, int height);

  /// What comes out of the patches, then of each convolution and pool.
  const std::vector<FeatureSize>& features() const { return features_; }
  /// Of one region, for one picture.
  std::size_t region_bytes(std::size_t region) const { return region_bytes_[region]; }
  /// The largest count of pixels of a tap.
  int tap_pixels() const { return tap_pixels_; }

 private:
  void add(const FeatureSize& size);
  void add_stage(const Network& network, const Stage& stage);
  std::vector<FeatureSize> features_;
  std::size_t region_bytes_[2] = {};
  int tap_pixels_ = 0;
};

/// Bands of `own_rows` rows, the last one with what is left; one band when they are all rows.
std::vector<Band> make_bands(int height, int own_rows);

}  // namespace worldshare::verifier::cuda
