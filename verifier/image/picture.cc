#include "verifier/image/picture.h"

#include <cstdlib>
#include <cstring>
#include <new>

namespace worldshare::verifier {

std::size_t sample_bytes(Depth depth) {
  switch (depth) {
    case Depth::kU8: return 1;
    case Depth::kU16:
    case Depth::kF16: return 2;
    case Depth::kF32: return 4;
  }
  return 4;
}

bool is_float(Depth depth) { return depth == Depth::kF16 || depth == Depth::kF32; }

double peak_of(Depth depth) {
  if (depth == Depth::kU8) return 255;
  return depth == Depth::kU16 ? 65535 : 1;
}

std::size_t Shape::stride() const {
  return (row_bytes() + kRowAlignment - 1) / kRowAlignment * kRowAlignment;
}

Picture::Picture(const Shape& shape) : shape_(shape) {
  const std::size_t size = shape.size_bytes();
  if (size == 0) return;
  auto* memory = static_cast<std::byte*>(std::aligned_alloc(kRowAlignment, size));
  if (memory == nullptr) throw std::bad_alloc();
  std::memset(memory, 0, size);
  memory_.reset(memory, std::free);
}

Picture::Picture(const Shape& shape, std::shared_ptr<std::byte> memory)
    : shape_(shape), memory_(std::move(memory)) {}

bool same_pixels(const Picture& a, const Picture& b) {
  if (a.empty() || !(a.shape() == b.shape())) return false;
  return a.data() == b.data() || std::memcmp(a.data(), b.data(), a.shape().size_bytes()) == 0;
}

}  // namespace worldshare::verifier
