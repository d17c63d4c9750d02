#include "verifier/image/jpeg.h"

#include <jpeglib.h>

#include <array>
#include <csetjmp>
#include <cstdio>
#include <string>

#include "shared/image/header.h"

namespace worldshare::verifier {
namespace {

/// libjpeg ends what it cannot do by a call that must not return. Everything between setjmp and
/// longjmp is plain data, and lives here.
struct Decoder {
  jpeg_decompress_struct jpeg{};
  jpeg_error_mgr errors{};
  std::jmp_buf on_error{};
  std::array<char, JMSG_LENGTH_MAX> message{};
};

void stop(j_common_ptr jpeg) {
  auto* decoder = static_cast<Decoder*>(jpeg->client_data);
  jpeg->err->format_message(jpeg, decoder->message.data());
  std::longjmp(decoder->on_error, 1);
}

/// Negative levels are damage that libjpeg would paint over.
void stop_on_warning(j_common_ptr jpeg, int level) {
  if (level < 0) stop(jpeg);
}

/// False: decoder.message says why.
bool read_rows(Decoder& decoder, ByteView file, const Shape& shape, std::uint8_t* out) {
  auto& jpeg = decoder.jpeg;
  if (setjmp(decoder.on_error) != 0) return false;
  jpeg_create_decompress(&jpeg);
  jpeg_mem_src(&jpeg, file.data(), file.size());
  jpeg_read_header(&jpeg, TRUE);
  jpeg.out_color_space = shape.channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
  jpeg_start_decompress(&jpeg);
  const bool expected = jpeg.output_width == shape.width && jpeg.output_height == shape.height &&
                        jpeg.output_components == shape.channels;
  if (!expected) {
    decoder.message = {"decodes to another shape than its header has"};
    return false;
  }
  while (jpeg.output_scanline < jpeg.output_height) {
    JSAMPROW row = out + jpeg.output_scanline * shape.stride();
    jpeg_read_scanlines(&jpeg, &row, 1);
  }
  jpeg_finish_decompress(&jpeg);
  return true;
}

}  // namespace

Result<Picture> decode_jpeg(ByteView file, PictureMemory& memory) {
  const auto header = image::read_header(file);
  if (!header) return std::unexpected(header.error());
  if (header->channels == 4) {
    return fail(Errc::kInvalid, "JPEG: is CMYK, a render is grey or RGB");
  }
  auto out = new_picture(
      {header->width, header->height, static_cast<std::uint8_t>(header->channels), Depth::kU8},
      memory);
  if (!out) return out;
  Decoder decoder;
  decoder.jpeg.err = jpeg_std_error(&decoder.errors);
  decoder.errors.error_exit = stop;
  decoder.errors.emit_message = stop_on_warning;
  decoder.jpeg.client_data = &decoder;
  const bool ok = read_rows(decoder, file, out->shape(), out->row<std::uint8_t>(0));
  jpeg_destroy_decompress(&decoder.jpeg);
  if (!ok) {
    return fail(Errc::kCorrupt, "JPEG: is damaged: " + std::string(decoder.message.data()));
  }
  return out;
}

}  // namespace worldshare::verifier
