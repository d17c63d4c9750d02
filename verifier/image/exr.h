#pragma once

#include "shared/bytes.h"
#include "shared/result.h"
#include "verifier/image/picture_memory.h"

namespace worldshare::verifier {

/// A canonical single-part OpenEXR file, scan lines or tiles (the finest level), as half or float
/// samples as they are stored, NaN and infinities included. Channels R G B, with or without A, or
/// Y, with or without A, all of one type. Every compression is taken, the lossy ones too: none, RLE
/// and ZIP are unpacked here, the others by OpenEXR.
/// kInvalid: other channels (layers, chroma, depth), mixed types, whole numbers, a display window
/// that is not the data window, tiles much larger than the picture. kCorrupt: damaged;
/// deep and multi-part files are that to image::read_header() already. kUnavailable: no memory.
/// Other memory than the picture's: buffers of a few chunks or of a row of tiles. Thread-safe.
Result<Picture> decode_exr(ByteView file, PictureMemory& memory);

/// What can be said without unpacking: header, channels and windows, and chunks that cover the
/// picture exactly once, none larger than its pixels. Everything that decode_exr() refuses but
/// damage within a chunk. Thread-safe.
Result<> check_exr_structure(ByteView file);

}  // namespace worldshare::verifier
