#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "shared/bytes.h"

namespace worldshare::verifier {

enum class ExrPacking : std::uint8_t { kNone, kRunLength, kZip };

/// Unpacks chunks. OpenEXR's own reader takes a chunk that is too short and fills the rest with
/// whatever its buffer held; here a chunk has exactly its size, or is damaged. One thread.
class ExrUnpacker {
 public:
  explicit ExrUnpacker(ExrPacking packing) : packing_(packing) {}
  /// False when `packed` is damaged or does not fill `out` exactly. A chunk that would not shrink
  /// is stored as it is.
  bool unpack(ByteView packed, std::span<std::uint8_t> out);

 private:
  ExrPacking packing_;
  std::vector<std::uint8_t> plain_;  ///< before prediction and the two halves are taken back
};

}  // namespace worldshare::verifier
