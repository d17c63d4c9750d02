#include "verifier/image/decoded_image.h"

#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>
#include <optional>
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

Result<cv::Mat> run_decoder(ByteView bytes) {
  try {
    // OpenCV takes no const buffer but does not write to it.
    const cv::Mat buffer(1, static_cast<int>(bytes.size()), CV_8UC1,
                         const_cast<std::uint8_t*>(bytes.data()));
    cv::Mat out = cv::imdecode(buffer, cv::IMREAD_UNCHANGED);
    if (out.empty()) return fail(Errc::kCorrupt, "the image does not decode");
    return out;
  } catch (const std::exception&) {
    return fail(Errc::kCorrupt, "the image does not decode");
  }
}

std::optional<Depth> depth_of(const cv::Mat& pixels) {
  switch (pixels.depth()) {
    case CV_8U: return Depth::kU8;
    case CV_16U: return Depth::kU16;
    case CV_32F: return Depth::kF32;
    default: return std::nullopt;
  }
}

/// OpenCV's B G R (A) as a picture.
Picture to_picture(const cv::Mat& pixels, const Shape& shape) {
  Picture out(shape);
  cv::Mat view(pixels.rows, pixels.cols, pixels.type(), out.data(), shape.stride());
  switch (shape.channels) {
    case 3: cv::cvtColor(pixels, view, cv::COLOR_BGR2RGB); break;
    case 4: cv::cvtColor(pixels, view, cv::COLOR_BGRA2RGBA); break;
    default: pixels.copyTo(view);
  }
  return out;
}

}  // namespace

std::uint64_t decoded_bytes(const image::Header& header) {
  // Decoders widen: palettes to colour and alpha, half floats to floats.
  const std::uint64_t sample_bytes = header.floating_point ? 4 : header.bits / 8;
  return std::uint64_t{header.width} * header.height * kMaxChannels * sample_bytes;
}

Result<Picture> decode(ByteView bytes, const ImageLimits& limits) {
  const auto header = image::read_header(bytes);
  if (!header) return std::unexpected(header.error());
  if (auto ok = check_header(*header, limits); !ok) return std::unexpected(ok.error());
  if (auto ok = image::check_canonical(bytes); !ok) return std::unexpected(ok.error());
  if (bytes.size() > INT32_MAX) return fail(Errc::kDenied, "the file is too large");
  const auto pixels = run_decoder(bytes);
  if (!pixels) return std::unexpected(pixels.error());
  const auto depth = depth_of(*pixels);
  if (!depth || pixels->cols != static_cast<int>(limits.width) ||
      pixels->rows != static_cast<int>(limits.height)) {
    return fail(Errc::kCorrupt, "the image decodes to another shape");
  }
  return to_picture(*pixels, {limits.width, limits.height,
                              static_cast<std::uint8_t>(pixels->channels()), *depth});
}

}  // namespace worldshare::verifier
