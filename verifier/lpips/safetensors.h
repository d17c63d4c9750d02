#pragma once

#include <span>
#include <string>
#include <vector>

#include "shared/bytes.h"
#include "shared/result.h"

namespace worldshare::verifier {

/// What a file of tensors must contain.
struct TensorSpec {
  std::string name;
  std::vector<std::size_t> shape;
};

/// Reads the safetensors format (8 bytes of little-endian header length, a JSON header, raw
/// little-endian data; github.com/huggingface/safetensors): exactly the tensors of `expected`, all
/// of 32-bit floats, which fill the data without gaps or overlaps. The result is in the order of
/// `expected` and points into `file`, which must be aligned to 8 bytes. kCorrupt names what is
/// wrong; no length of the file is trusted.
Result<std::vector<std::span<const float>>> read_safetensors(ByteView file,
                                                             std::span<const TensorSpec> expected);

}  // namespace worldshare::verifier
