#pragma once

#include "shared/bytes.h"
#include "shared/result.h"
#include "verifier/image/picture_memory.h"

namespace worldshare::verifier {

/// A JPEG as 8-bit Y or R G B. kInvalid: CMYK; kCorrupt: damaged, also where a viewer would show a
/// part of it; kUnavailable: no memory. Thread-safe.
Result<Picture> decode_jpeg(ByteView file, PictureMemory& memory);

}  // namespace worldshare::verifier
