#pragma once

#include <cstdint>

#include "shared/bytes.h"
#include "shared/result.h"
#include "verifier/image/picture.h"

namespace worldshare::verifier {

/// Decodes a picture that no agent made: of any size within `pixel_bytes` decoded, and not
/// canonical. PNG, OpenEXR or JPEG. Errors as decode(). Throws bad_alloc. Thread-safe.
Result<Picture> foreign_picture(ByteView file, std::uint64_t pixel_bytes);

}  // namespace worldshare::verifier
