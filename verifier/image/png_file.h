#pragma once

#include "shared/bytes.h"
#include "verifier/image/picture.h"

namespace worldshare::verifier {

/// An 8-bit picture of any channels as a canonical PNG file, lightly compressed. For people and for
/// benchmarks; artifacts come from Blender. Throws bad_alloc.
Bytes png_file(const Picture& picture);

}  // namespace worldshare::verifier
