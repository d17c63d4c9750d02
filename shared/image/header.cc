#include "shared/image/header.h"

#include "shared/image/container.h"

namespace worldshare::image {

std::string_view to_string(Format format) {
  switch (format) {
    case Format::kPng: return "PNG";
    case Format::kJpeg: return "JPEG";
    case Format::kExr: return "OpenEXR";
  }
  return "unknown";
}

Result<Header> read_header(ByteView bytes) {
  if (bytes.empty()) return fail(Errc::kCorrupt, "the image is empty");
  Result<Header> header = fail(Errc::kCorrupt, "not a PNG, JPEG or OpenEXR image");
  if (is_png(bytes)) header = png_header(bytes);
  if (is_jpeg(bytes)) header = jpeg_header(bytes);
  if (is_exr(bytes)) header = exr_header(bytes);
  if (!header) return header;
  if (header->width == 0 || header->height == 0) {
    return fail(Errc::kCorrupt, "the image has no pixels");
  }
  if (header->width > kMaxSidePixels || header->height > kMaxSidePixels) {
    return fail(Errc::kCorrupt, "the image claims " + std::to_string(header->width) + "x" +
                                    std::to_string(header->height) + " pixels");
  }
  return header;
}

}  // namespace worldshare::image
