#pragma once

#include <cstdint>

#include "shared/bytes.h"
#include "shared/image/header.h"
#include "shared/result.h"
#include "verifier/image/picture_memory.h"

namespace worldshare::verifier {

/// What an artifact must be, and what its decoding may cost.
struct ImageLimits {
  image::Format format = image::Format::kPng;
  std::uint32_t width = 0;  ///< pixels
  std::uint32_t height = 0;
  std::uint64_t pixel_bytes = 1ULL << 30;  ///< of a decoded picture
  bool float_rgba = false;                 ///< as a part of a frame is: nothing but float R G B A
  /// More than one: a bundle of so many pictures, each of which is held to the rest of these.
  std::uint32_t frames = 1;
};

/// Bytes that decode() takes at most for any file within these limits: the picture and everything
/// that is needed meanwhile.
std::uint64_t decoding_bytes(const ImageLimits& limits, std::uint64_t file_bytes);

/// Decodes the bytes of a stranger, which hold one picture, into `memory` when it is given: the
/// header must match `limits` and the container be canonical before a decoder sees them, and
/// nothing is allocated for pixels before that. Samples stay what the file has: 8 or 16 bits, half
/// or float; what of each format is refused is in png.h, exr.h and jpeg.h. kInvalid: another
/// picture than asked for, not canonical, or a kind that is not taken; kCorrupt: damaged; kDenied:
/// too large; kUnavailable: `memory` has none. Throws bad_alloc when the process has none.
/// Thread-safe.
Result<Picture> decode(ByteView bytes, const ImageLimits& limits, PictureMemory* memory = nullptr);

/// Whether check_structure() knows the format; a JPEG shows only when it is decoded what it is.
bool has_structure(image::Format format);

/// The pictures that the bytes of a file hold, as views into them: itself, or those of a bundle.
/// Not looked into. kCorrupt as image::unbundle().
Result<std::vector<ByteView>> pictures_in(ByteView bytes, const ImageLimits& limits);

/// The limits of each of them.
ImageLimits each_of(ImageLimits limits);

/// As far as it goes without unpacking: refuses everything that decode() refuses but damage within
/// the compressed pixels. PNG and OpenEXR, or a bundle of them. Allocates next to nothing. Errors
/// as decode().
Result<> check_structure(ByteView bytes, const ImageLimits& limits);

/// Whether decode() would succeed, of each picture of a bundle, and with which error not. Of a PNG
/// no pixels are made.
Result<> check_decodes(ByteView bytes, const ImageLimits& limits);

}  // namespace worldshare::verifier
