#include "verifier/lpips/input_rows.h"

#include <cmath>

#include "verifier/image/half.h"

namespace worldshare::verifier {
namespace {

float signed_unit(float unit) { return 2 * unit - 1; }

}  // namespace

float srgb_encoded(float linear) {
  if (!(linear > 0)) return 0;
  if (linear >= 1) return 1;
  if (linear <= 0.0031308F) return 12.92F * linear;
  return 1.055F * std::pow(linear, 1 / 2.4F) - 0.055F;
}

InputRows::InputRows(const Picture& picture) : picture_(picture) {
  if (picture.shape().depth != Depth::kU8) return;
  for (int code = 0; code < 256; ++code) codes_.push_back(static_cast<float>(code) / 127.5F - 1);
}

float InputRows::mapped(std::uint32_t y, std::size_t sample) const {
  switch (picture_.shape().depth) {
    case Depth::kU8: return codes_[picture_.row<std::uint8_t>(y)[sample]];
    case Depth::kU16:
      return static_cast<float>(picture_.row<std::uint16_t>(y)[sample]) / 32767.5F - 1;
    case Depth::kF16:
      return signed_unit(srgb_encoded(from_half(picture_.row<std::uint16_t>(y)[sample])));
    case Depth::kF32: return signed_unit(srgb_encoded(picture_.row<float>(y)[sample]));
  }
  return 0;
}

void InputRows::read(std::uint32_t y, std::span<float> out) const {
  const Shape& shape = picture_.shape();
  const bool grey = shape.colour_channels() == 1;
  for (std::size_t c = 0; c < 3; ++c) {
    float* plane = out.data() + c * shape.width;
    for (std::size_t x = 0; x < shape.width; ++x) {
      const float value = mapped(y, x * shape.channels + (grey ? 0 : c));
      plane[x] = (value - kInputShift[c]) / kInputScale[c];
    }
  }
}

}  // namespace worldshare::verifier
