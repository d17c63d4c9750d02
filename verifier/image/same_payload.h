#pragma once

#include "shared/bytes.h"
#include "shared/result.h"

namespace worldshare::verifier {

/// Whether two image files have the same pixels because what fixes them is the same, found without
/// decoding. PNG: IHDR, PLTE, tRNS, and the payload of the IDAT chunks, however it is cut into
/// chunks. OpenEXR and JPEG: the canonical form (image::canonical()), so not the other attributes,
/// comments or profiles of a machine.
/// Promise: when true, decode() of the canonical forms gives both the same pixels, or neither any.
/// No promise the other way round (filters, compression levels and chunk orders differ for equal
/// pixels), none that the data decodes at all, and none about what a viewer makes of the pixels:
/// gamma and colour profiles of a PNG are left out. It stops at the first difference. kCorrupt when
/// a container is not well-formed. Thread-safe.
Result<bool> same_payload(ByteView a, ByteView b);

}  // namespace worldshare::verifier
