#include "verifier/image/png_file.h"

#include <libdeflate.h>

#include <array>
#include <new>
#include <string_view>

#include "shared/result.h"
#include "shared/unique_handle.h"

// PNG (Portable Network Graphics) Specification, Second Edition, ISO/IEC 15948:2004.

namespace worldshare::verifier {
namespace {

constexpr std::array<std::uint8_t, 8> kMagic{0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
constexpr std::array<std::uint8_t, 5> kColourTypes{0, 0, 4, 2, 6};  // by channels
constexpr std::uint8_t kUpFilter = 2;
constexpr int kLevel = 1;

using Compressor = UniqueHandle<libdeflate_compressor, libdeflate_free_compressor>;

void put_u32(Bytes& out, std::uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8)
    out.push_back(static_cast<std::uint8_t>(value >> shift));
}

void put_chunk(Bytes& out, std::string_view type, ByteView data) {
  put_u32(out, static_cast<std::uint32_t>(data.size()));
  const std::size_t begin = out.size();
  out.insert(out.end(), type.begin(), type.end());
  out.insert(out.end(), data.begin(), data.end());
  put_u32(out, libdeflate_crc32(0, out.data() + begin, out.size() - begin));
}

Bytes header(const Shape& shape) {
  Bytes out;
  put_u32(out, shape.width);
  put_u32(out, shape.height);
  out.insert(out.end(), {8, kColourTypes[shape.channels], 0, 0, 0});
  return out;
}

/// Rows as differences from the row above, each after its filter's number.
Bytes filtered(const Picture& picture) {
  const Shape& shape = picture.shape();
  const std::size_t size = shape.row_bytes();
  const Bytes zeros(size);
  Bytes out;
  out.reserve((size + 1) * shape.height);
  for (std::uint32_t y = 0; y < shape.height; ++y) {
    const auto* row = picture.row<std::uint8_t>(y);
    const auto* above = y == 0 ? zeros.data() : picture.row<std::uint8_t>(y - 1);
    out.push_back(kUpFilter);
    for (std::size_t x = 0; x < size; ++x)
      out.push_back(static_cast<std::uint8_t>(row[x] - above[x]));
  }
  return out;
}

Bytes compressed(const Bytes& raw) {
  const Compressor compressor(libdeflate_alloc_compressor(kLevel));
  if (!compressor) throw std::bad_alloc();
  Bytes out(libdeflate_zlib_compress_bound(compressor.get(), raw.size()));
  out.resize(
      libdeflate_zlib_compress(compressor.get(), raw.data(), raw.size(), out.data(), out.size()));
  return out;
}

}  // namespace

Bytes png_file(const Picture& picture) {
  WS_CHECK(picture.shape().depth == Depth::kU8, "only 8-bit pictures become PNG files here");
  Bytes out(kMagic.begin(), kMagic.end());
  put_chunk(out, "IHDR", header(picture.shape()));
  put_chunk(out, "IDAT", compressed(filtered(picture)));
  put_chunk(out, "IEND", {});
  return out;
}

}  // namespace worldshare::verifier
