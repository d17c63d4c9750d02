#pragma once

#include <cstdint>

#include "shared/bytes.h"
#include "shared/image/header.h"
#include "shared/result.h"
#include "verifier/image/picture.h"

namespace worldshare::verifier {

/// What an artifact must be, and what its decoding may cost.
struct ImageLimits {
  image::Format format = image::Format::kPng;
  std::uint32_t width = 0;  ///< pixels
  std::uint32_t height = 0;
  std::uint64_t pixel_bytes = 1ULL << 30;  ///< of the decoded picture
};

/// Bytes that the decoded picture takes at most.
std::uint64_t decoded_bytes(const image::Header& header);

/// Decodes the bytes of a stranger: the header must match `limits` and the container be canonical
/// before a decoder sees them. kInvalid: another picture than asked for, or not canonical;
/// kCorrupt: damaged; kDenied: too large. OpenEXR files need the environment variable
/// OPENCV_IO_ENABLE_OPENEXR=1 before the first call. Thread-safe.
Result<Picture> decode(ByteView bytes, const ImageLimits& limits);

}  // namespace worldshare::verifier
