#pragma once

#include "shared/bytes.h"
#include "shared/image/header.h"
#include "shared/result.h"

namespace worldshare::image {

/// The same picture without what tells of the machine that made it: PNG text, time and EXIF chunks;
/// JPEG APPn (except JFIF, ICC and Adobe) and comments; EXR attributes other than the standard
/// ones. Pixel data is copied, not re-encoded. Idempotent. kCorrupt when the container is not
/// well-formed to its end.
Result<Bytes> canonical(ByteView image);

/// Whether canonical() would return `image` itself; an artifact must be. The error says what is in
/// the way.
Result<> check_canonical(ByteView image);

}  // namespace worldshare::image
