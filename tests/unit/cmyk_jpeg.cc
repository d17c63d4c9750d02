#include "tests/unit/cmyk_jpeg.h"

#include <cstdio>
#include <cstdlib>
// Needs <cstdio> before it.
#include <jpeglib.h>

namespace worldshare::testing {

Bytes cmyk_jpeg(unsigned width, unsigned height) {
  jpeg_compress_struct writer{};
  jpeg_error_mgr errors{};
  writer.err = jpeg_std_error(&errors);
  jpeg_create_compress(&writer);
  unsigned char* memory = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&writer, &memory, &size);
  writer.image_width = width;
  writer.image_height = height;
  writer.input_components = 4;
  writer.in_color_space = JCS_CMYK;
  jpeg_set_defaults(&writer);
  jpeg_start_compress(&writer, TRUE);
  Bytes row(std::size_t{4} * width, 77);
  JSAMPROW rows = row.data();
  while (writer.next_scanline < writer.image_height) jpeg_write_scanlines(&writer, &rows, 1);
  jpeg_finish_compress(&writer);
  jpeg_destroy_compress(&writer);
  Bytes out(memory, memory + size);
  std::free(memory);
  return out;
}

}  // namespace worldshare::testing
