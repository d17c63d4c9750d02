#pragma once

#include "shared/bytes.h"
#include "shared/crypto.h"
#include "shared/result.h"

namespace worldshare::verifier {

/// A SHA-256 over what fixes the pixels of an image file, found without decoding it.
/// PNG: IHDR, PLTE, tRNS, and the payload of the IDAT chunks, however it is cut into chunks.
/// OpenEXR and JPEG: the canonical form (image::canonical()), so not the other attributes,
/// comments or profiles of a machine.
/// Promise: when the canonical forms of two files have one identity, decode() gives both the same
/// pixels, or neither any. No promise the other way round (filters, compression levels and chunk
/// orders differ for equal pixels), none that the data decodes at all, and none about what a viewer
/// makes of the pixels: gamma and colour profiles of a PNG are left out. kCorrupt when the
/// container is not well-formed. Thread-safe.
Result<Digest> pixel_identity(ByteView file);

}  // namespace worldshare::verifier
