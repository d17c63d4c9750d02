#pragma once

#include "shared/bytes.h"

namespace worldshare::testing {

/// A JPEG of four channels, of one colour.
Bytes cmyk_jpeg(unsigned width, unsigned height);

}  // namespace worldshare::testing
