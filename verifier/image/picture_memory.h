#pragma once

#include <cstddef>
#include <memory>

#include "shared/result.h"
#include "verifier/image/picture.h"

namespace worldshare::verifier {

/// Where pictures are decoded to: the heap, or memory that a device reads directly. Thread-safe.
class PictureMemory {
 public:
  virtual ~PictureMemory() = default;
  /// At least `bytes` bytes, aligned to kRowAlignment, of any content; null when there are none
  /// now. Given back when the last copy of the pointer is gone.
  virtual std::shared_ptr<std::byte> take(std::size_t bytes) = 0;
};

/// The heap of this process.
class HeapMemory : public PictureMemory {
 public:
  std::shared_ptr<std::byte> take(std::size_t bytes) override;
};

/// A picture in `memory` whose samples are still to be written, all of them; the bytes behind each
/// row are zero. kUnavailable when there is no memory.
Result<Picture> new_picture(const Shape& shape, PictureMemory& memory);

}  // namespace worldshare::verifier
