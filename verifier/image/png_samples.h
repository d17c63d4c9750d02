#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "shared/image/png_parts.h"
#include "shared/result.h"
#include "verifier/image/picture.h"

namespace worldshare::verifier {

/// How a PNG's unfiltered rows become a picture's samples. Immutable, so thread-safe.
class PngSamples {
 public:
  /// kInvalid: interlaced, or a transparent colour outside of palettes; kCorrupt: the palette is
  /// missing, too long or where none may be.
  static Result<PngSamples> of(const image::PngParts& parts);

  const Shape& shape() const { return shape_; }
  std::size_t row_bytes() const { return (std::size_t{shape_.width} * pixel_bits_ + 7) / 8; }
  /// What a filter calls a pixel: at least one byte.
  std::size_t filter_bytes() const { return (pixel_bits_ + 7) / 8; }
  /// Rows are samples already, widen() is not needed.
  bool direct() const { return kind_ == Kind::kDirect; }
  /// `row` holds row_bytes() bytes, `out` gets shape().row_bytes(). False when the row names a
  /// colour that the palette does not have.
  bool widen(const std::uint8_t* row, std::uint8_t* out) const;

 private:
  enum class Kind : std::uint8_t { kDirect, kSwapped, kGrey, kPalette };
  PngSamples() = default;
  Result<> set_palette(const image::PngParts& parts);
  unsigned index(const std::uint8_t* row, std::size_t x) const;

  Shape shape_;
  Kind kind_ = Kind::kDirect;
  std::size_t pixel_bits_ = 0;
  unsigned depth_ = 8;  ///< bits of a sample
  std::size_t colours_ = 0;
  std::array<std::array<std::uint8_t, 4>, 256> palette_{};
};

}  // namespace worldshare::verifier
