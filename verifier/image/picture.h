#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

namespace worldshare::verifier {

/// What one sample is. Integers are coded for display; floats are linear light.
enum class Depth : std::uint8_t { kU8, kU16, kF16, kF32 };
std::size_t sample_bytes(Depth depth);
bool is_float(Depth depth);
/// What figures are relative to: 255, 65535, or 1 for floats.
double peak_of(Depth depth);

struct Shape {
  std::uint32_t width = 0;  ///< pixels
  std::uint32_t height = 0;
  std::uint8_t channels = 0;  ///< 1: Y, 2: Y A, 3: R G B, 4: R G B A
  Depth depth = Depth::kU8;

  /// The channels before alpha.
  int colour_channels() const { return channels == 2 || channels == 4 ? channels - 1 : channels; }
  bool has_alpha() const { return colour_channels() < channels; }
  std::size_t row_bytes() const { return std::size_t{width} * channels * sample_bytes(depth); }
  /// From one row to the next: row_bytes() up to a multiple of kRowAlignment.
  std::size_t stride() const;
  std::size_t size_bytes() const { return stride() * height; }
  bool operator==(const Shape&) const = default;
};

inline constexpr std::size_t kRowAlignment = 64;

/// Decoded pixels: rows of interleaved samples, each row aligned to kRowAlignment and followed by
/// zero bytes up to the stride. Immutable once it is shared; copies share the memory.
class Picture {
 public:
  Picture() = default;
  /// Zeros, in memory of its own. Throws bad_alloc.
  explicit Picture(const Shape& shape);
  /// Over memory that somebody else provides: at least shape.size_bytes(), aligned to
  /// kRowAlignment; who provides it sees to it that the bytes behind each row are zero.
  Picture(const Shape& shape, std::shared_ptr<std::byte> memory);

  const Shape& shape() const { return shape_; }
  bool empty() const { return memory_ == nullptr; }
  /// All rows, shape().size_bytes() bytes.
  const std::byte* data() const { return memory_.get(); }
  std::byte* data() { return memory_.get(); }
  /// Row `y` as samples; T is what shape().depth says (std::uint16_t holds the bits of a half).
  template <class T>
  const T* row(std::uint32_t y) const {
    return reinterpret_cast<const T*>(memory_.get() + y * shape_.stride());
  }
  template <class T>
  T* row(std::uint32_t y) {
    return reinterpret_cast<T*>(memory_.get() + y * shape_.stride());
  }

 private:
  Shape shape_;
  std::shared_ptr<std::byte> memory_;
};

/// Same shape and same bytes.
bool same_pixels(const Picture& a, const Picture& b);

}  // namespace worldshare::verifier
