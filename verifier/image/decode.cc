#include "verifier/image/decode.h"

#include <fmt/format.h>

#include <algorithm>

#include "shared/image/bundle.h"
#include "shared/image/canonical.h"
#include "verifier/image/exr.h"
#include "verifier/image/jpeg.h"
#include "verifier/image/png.h"

namespace worldshare::verifier {
namespace {

constexpr std::uint32_t kMaxChannels = 4;
/// OpenEXR: chunks of up to 256 lines, and tiles of up to 2048x2048 that are read by rows.
constexpr std::uint64_t kExrLeastSide = 256;
constexpr std::uint64_t kExrMostLines = 2048;
constexpr std::uint64_t kExrPixelBytes = 16;
constexpr std::uint64_t kExrBuffers = 4;
constexpr std::uint64_t kLibjpegBytesPerPixel = 8;  // the coefficients of progressive files
constexpr std::uint64_t kOverheadBytes = 1 << 20;

Shape largest_shape(image::Format format, std::uint32_t width, std::uint32_t height) {
  switch (format) {
    case image::Format::kPng: return {width, height, kMaxChannels, Depth::kU16};
    case image::Format::kJpeg: return {width, height, 3, Depth::kU8};
    case image::Format::kExr: break;
  }
  return {width, height, kMaxChannels, Depth::kF32};
}

/// What the picture takes at most: a palette may become colour and alpha.
std::uint64_t picture_bytes(const image::Header& header) {
  const std::uint32_t channels = header.channels == 3 ? kMaxChannels : header.channels;
  return std::uint64_t{header.width} * header.height * channels * header.bits / 8;
}

Result<> check_header(const image::Header& header, const ImageLimits& limits) {
  if (header.format != limits.format) {
    return fail(Errc::kInvalid, fmt::format("the image is {}, the job asks for {}",
                                            to_string(header.format), to_string(limits.format)));
  }
  if (header.width != limits.width || header.height != limits.height) {
    return fail(Errc::kInvalid,
                fmt::format("the image has {}x{} pixels, the job asks for {}x{}", header.width,
                            header.height, limits.width, limits.height));
  }
  if (header.channels > kMaxChannels) {
    return fail(Errc::kInvalid,
                fmt::format("the image has {} channels, more than colour and alpha (layers?)",
                            header.channels));
  }
  const bool float_rgba = header.floating_point && header.bits == 32 && header.channels == 4;
  if (limits.float_rgba && !float_rgba) {
    return fail(Errc::kInvalid, "the image of a part of a frame is not float R G B A");
  }
  if (picture_bytes(header) > limits.pixel_bytes) {
    return fail(Errc::kDenied, "the image needs more memory than a picture may");
  }
  return {};
}

Result<> check_asked_for(ByteView bytes, const ImageLimits& limits) {
  const auto header = image::read_header(bytes);
  if (!header) return std::unexpected(header.error());
  return check_header(*header, limits);
}

Result<Picture> run_decoder(ByteView bytes, image::Format format, PictureMemory& memory) {
  switch (format) {
    case image::Format::kPng: return decode_png(bytes, memory);
    case image::Format::kExr: return decode_exr(bytes, memory);
    case image::Format::kJpeg: break;
  }
  if (const auto ok = image::check_canonical(bytes); !ok) return std::unexpected(ok.error());
  return decode_jpeg(bytes, memory);
}

template <class Check>
Result<> check_each(ByteView bytes, const ImageLimits& limits, const Check& check) {
  const auto pictures = pictures_in(bytes, limits);
  if (!pictures) return std::unexpected(pictures.error());
  for (std::size_t i = 0; i < pictures->size(); ++i) {
    if (auto ok = check((*pictures)[i], each_of(limits)); !ok) {
      return fail(ok.error().code,
                  fmt::format("picture {} of {}: {}", i + 1, limits.frames, ok.error().message));
    }
  }
  return {};
}

}  // namespace

std::uint64_t decoding_bytes(const ImageLimits& limits, std::uint64_t file_bytes) {
  const Shape shape = largest_shape(limits.format, limits.width, limits.height);
  const std::uint64_t pixels = std::uint64_t{limits.width} * limits.height;
  // The picture itself may not be larger than allowed, whatever its shape could be.
  const std::uint64_t padding = std::uint64_t{limits.height} * kRowAlignment;
  const std::uint64_t picture =
      std::min<std::uint64_t>(shape.size_bytes(), limits.pixel_bytes + padding);
  const std::uint64_t base = picture + file_bytes + kOverheadBytes;
  switch (limits.format) {
    case image::Format::kPng: return base + picture + file_bytes;
    case image::Format::kJpeg: return base + pixels * kLibjpegBytesPerPixel;
    case image::Format::kExr: break;
  }
  const std::uint64_t width = std::max<std::uint64_t>(kExrLeastSide, limits.width);
  const std::uint64_t lines =
      std::clamp<std::uint64_t>(limits.height, kExrLeastSide, kExrMostLines);
  return base + kExrBuffers * width * lines * kExrPixelBytes;
}

Result<Picture> decode(ByteView bytes, const ImageLimits& limits, PictureMemory* memory) {
  WS_CHECK(limits.frames == 1, "one picture is decoded");
  if (auto ok = check_asked_for(bytes, limits); !ok) return std::unexpected(ok.error());
  HeapMemory heap;
  return run_decoder(bytes, limits.format, memory != nullptr ? *memory : heap);
}

bool has_structure(image::Format format) { return format != image::Format::kJpeg; }

Result<std::vector<ByteView>> pictures_in(ByteView bytes, const ImageLimits& limits) {
  if (limits.frames == 1) return std::vector{bytes};
  return image::unbundle(bytes, limits.frames);
}

ImageLimits each_of(ImageLimits limits) {
  limits.frames = 1;
  return limits;
}

Result<> check_structure(ByteView bytes, const ImageLimits& limits) {
  WS_CHECK(has_structure(limits.format), "PNG or OpenEXR");
  if (limits.frames > 1) return check_each(bytes, limits, check_structure);
  if (auto ok = check_asked_for(bytes, limits); !ok) return ok;
  return limits.format == image::Format::kPng ? check_png_structure(bytes)
                                              : check_exr_structure(bytes);
}

Result<> check_decodes(ByteView bytes, const ImageLimits& limits) {
  if (limits.frames > 1) return check_each(bytes, limits, check_decodes);
  if (auto ok = check_asked_for(bytes, limits); !ok) return ok;
  if (limits.format == image::Format::kPng) return check_png_decodes(bytes);
  const auto picture = decode(bytes, limits);
  return picture ? Result<>{} : std::unexpected(picture.error());
}

}  // namespace worldshare::verifier
