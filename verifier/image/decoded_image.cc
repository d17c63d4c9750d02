#include "verifier/image/decoded_image.h"

#include <algorithm>
#include <cstring>
#include <opencv2/imgcodecs.hpp>
#include <string>

#include "shared/image/canonical.h"

namespace worldshare::verifier {
namespace {

constexpr std::uint32_t kMaxChannels = 4;

std::string size_text(std::uint32_t width, std::uint32_t height) {
  return std::to_string(width) + "x" + std::to_string(height);
}

Result<> check_header(const image::Header& header, const ImageLimits& limits) {
  if (header.format != limits.format) {
    return fail(Errc::kInvalid, "the image is " + std::string(to_string(header.format)) +
                                    ", the job asks for " + std::string(to_string(limits.format)));
  }
  if (header.width != limits.width || header.height != limits.height) {
    return fail(Errc::kInvalid, "the image has " + size_text(header.width, header.height) +
                                    " pixels, the job asks for " +
                                    size_text(limits.width, limits.height));
  }
  if (header.channels > kMaxChannels) {
    return fail(Errc::kInvalid, "the image has more channels than colour and alpha");
  }
  if (decoded_bytes(header) > limits.pixel_bytes) {
    return fail(Errc::kDenied, "the image needs more memory than a picture may");
  }
  return {};
}

Result<DecodedImage> run_decoder(ByteView bytes) {
  try {
    // OpenCV takes no const buffer but does not write to it.
    const cv::Mat buffer(1, static_cast<int>(bytes.size()), CV_8UC1,
                         const_cast<std::uint8_t*>(bytes.data()));
    DecodedImage out{cv::imdecode(buffer, cv::IMREAD_UNCHANGED)};
    if (out.pixels.empty()) return fail(Errc::kCorrupt, "the image does not decode");
    return out;
  } catch (const std::exception&) {
    return fail(Errc::kCorrupt, "the image does not decode");
  }
}

bool is_known_depth(int depth) { return depth == CV_8U || depth == CV_16U || depth == CV_32F; }

}  // namespace

std::uint64_t decoded_bytes(const image::Header& header) {
  // Decoders widen: palettes to colour and alpha, half floats to floats.
  const std::uint64_t sample_bytes = header.floating_point ? 4 : header.bits / 8;
  return std::uint64_t{header.width} * header.height * kMaxChannels * sample_bytes;
}

Result<DecodedImage> decode(ByteView bytes, const ImageLimits& limits) {
  const auto header = image::read_header(bytes);
  if (!header) return std::unexpected(header.error());
  if (auto ok = check_header(*header, limits); !ok) return std::unexpected(ok.error());
  if (auto ok = image::check_canonical(bytes); !ok) return std::unexpected(ok.error());
  if (bytes.size() > INT32_MAX) return fail(Errc::kDenied, "the file is too large");
  auto out = run_decoder(bytes);
  if (!out) return out;
  const cv::Mat& pixels = out->pixels;
  const bool expected = pixels.cols == static_cast<int>(limits.width) &&
                        pixels.rows == static_cast<int>(limits.height) && pixels.isContinuous() &&
                        is_known_depth(pixels.depth());
  if (!expected) return fail(Errc::kCorrupt, "the image decodes to another shape");
  return out;
}

bool same_shape(const DecodedImage& a, const DecodedImage& b) {
  return a.pixels.size() == b.pixels.size() && a.pixels.type() == b.pixels.type();
}

bool same_pixels(const DecodedImage& a, const DecodedImage& b) {
  return same_shape(a, b) && a.pixels.isContinuous() && b.pixels.isContinuous() &&
         std::memcmp(a.pixels.data, b.pixels.data, a.size_bytes()) == 0;
}

}  // namespace worldshare::verifier
