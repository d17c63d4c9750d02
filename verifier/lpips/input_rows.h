#pragma once

#include <array>
#include <span>
#include <vector>

#include "verifier/image/picture.h"

namespace worldshare::verifier {

/// The network's input (y - shift) / scale for y in [-1, 1], of R, G, B: what LPIPS v0.1 puts
/// before a torchvision trunk.
inline constexpr std::array<float, 3> kInputShift = {-.030F, -.088F, -.188F};
inline constexpr std::array<float, 3> kInputScale = {.458F, .448F, .450F};

/// IEC 61966-2-1, from linear light to the coded value; clamps to [0, 1], NaN is 0.
float srgb_encoded(float linear);

/// Rows of a picture as the network's input. Immutable.
class InputRows {
 public:
  explicit InputRows(const Picture& picture);
  /// Row `y`: width values of R, then of G, then of B.
  void read(std::uint32_t y, std::span<float> out) const;

 private:
  float mapped(std::uint32_t y, std::size_t sample) const;
  Picture picture_;
  std::vector<float> codes_;  ///< the mapped value of each 8-bit code
};

}  // namespace worldshare::verifier
