#pragma once

#include <cstddef>

#include "shared/bytes.h"
#include "shared/result.h"
#include "verifier/image/picture_memory.h"

namespace worldshare::verifier {

/// What a thread keeps at most for the next PNG that it decodes.
inline constexpr std::size_t kKeptPngBytes = 64U << 20;

/// A canonical PNG as 8- or 16-bit samples: 1, 2 and 4 bits and palettes are widened to 8 bits (a
/// palette to R G B, or R G B A when it has a tRNS chunk); gamma and colour profiles are not
/// applied. Other memory than the picture's: the inflated rows, and the zlib stream when it is cut
/// into several IDAT chunks; up to kKeptPngBytes of it are kept until the thread ends.
/// kInvalid: interlaced (Adam7), a transparent colour (tRNS) outside of palettes, animated or
/// otherwise not canonical. kCorrupt: the data is damaged, or there is more or less of it than the
/// header says. kUnavailable: no memory. Thread-safe.
Result<Picture> decode_png(ByteView file, PictureMemory& memory);

/// What can be said without inflating: every chunk with its checksum, palette and layout, the
/// head of the zlib stream and the least size that it needs. Everything that decode_png() refuses
/// but damage within the stream. Thread-safe.
Result<> check_png_structure(ByteView file);

/// Whether decode_png() would succeed, and why not, without making pixels: the stream inflates to
/// exactly the rows, its Adler-32 holds, and every filter exists. Thread-safe.
Result<> check_png_decodes(ByteView file);

}  // namespace worldshare::verifier
