#pragma once

#include <cstdint>
#include <opencv2/core/mat.hpp>

#include "shared/bytes.h"
#include "shared/image/header.h"
#include "shared/result.h"

namespace worldshare::verifier {

/// What an artifact must be, and what its decoding may cost.
struct ImageLimits {
  image::Format format = image::Format::kPng;
  std::uint32_t width = 0;  ///< pixels
  std::uint32_t height = 0;
  std::uint64_t pixel_bytes = 1ULL << 30;  ///< of the decoded picture
};

/// Decoded pixels: rows of 8-bit, 16-bit or float samples, channels in the order B G R (A), or one
/// or two channels. Immutable by convention; copies share the pixels.
struct DecodedImage {
  cv::Mat pixels;
  std::size_t size_bytes() const { return pixels.total() * pixels.elemSize(); }
};

/// Bytes that the decoded picture takes at most.
std::uint64_t decoded_bytes(const image::Header& header);

/// Decodes the bytes of a stranger: the header must match `limits` and the container be canonical
/// before a decoder sees them. kInvalid: another picture than asked for, or not canonical;
/// kCorrupt: damaged; kDenied: too large. OpenEXR files need the environment variable
/// OPENCV_IO_ENABLE_OPENEXR=1 before the first call. Thread-safe.
Result<DecodedImage> decode(ByteView bytes, const ImageLimits& limits);

/// Same size, channels and depth.
bool same_shape(const DecodedImage& a, const DecodedImage& b);
/// Same shape and same bytes.
bool same_pixels(const DecodedImage& a, const DecodedImage& b);

}  // namespace worldshare::verifier
