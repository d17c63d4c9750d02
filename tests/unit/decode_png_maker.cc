#include "tests/unit/decode_png_maker.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <random>

namespace worldshare::testing {
namespace {

constexpr std::ptrdiff_t kAfterIhdr = 8 + 25;

void append_big(Bytes& out, std::uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) {
    out.push_back(static_cast<std::uint8_t>(value >> shift));
  }
}

void append(Bytes& out, const Bytes& part) { out.insert(out.end(), part.begin(), part.end()); }

Bytes deflated(const Bytes& data, int level) {
  uLongf size = compressBound(data.size());
  Bytes out(size);
  compress2(out.data(), &size, data.data(), data.size(), level);
  out.resize(size);
  return out;
}

}  // namespace

Bytes png_chunk(const std::string& type, const Bytes& data) {
  Bytes out;
  append_big(out, static_cast<std::uint32_t>(data.size()));
  out.insert(out.end(), type.begin(), type.end());
  append(out, data);
  append_big(out, static_cast<std::uint32_t>(crc32_z(0, out.data() + 4, out.size() - 4)));
  return out;
}

Bytes with_chunk(Bytes file, const std::string& type, const Bytes& data) {
  const Bytes chunk = png_chunk(type, data);
  file.insert(file.begin() + kAfterIhdr, chunk.begin(), chunk.end());
  return file;
}

std::size_t PngMaker::row_bytes() const {
  constexpr std::array<std::size_t, 7> kSamples{1, 0, 3, 1, 2, 0, 4};
  return (std::size_t{width} * kSamples[colour_type] * depth + 7) / 8;
}

void PngMaker::fill(unsigned seed) {
  std::mt19937 random(seed);
  rows.assign((row_bytes() + 1) * height, 0);
  for (auto& byte : rows) byte = static_cast<std::uint8_t>(random());
  for (std::size_t y = 0; y < height; ++y) {
    // Filtered indices could become any index.
    rows[y * (row_bytes() + 1)] = static_cast<std::uint8_t>(colour_type == 3 ? 0 : random() % 5);
  }
  if (colour_type != 3) return;
  palette.resize(3U << depth);
  std::ranges::generate(palette, [&] { return static_cast<std::uint8_t>(random()); });
}

Bytes PngMaker::file() const {
  Bytes out{0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
  Bytes ihdr;
  append_big(ihdr, width);
  append_big(ihdr, height);
  append(ihdr, {depth, colour_type, 0, 0, interlace});
  append(out, png_chunk("IHDR", ihdr));
  if (!palette.empty()) append(out, png_chunk("PLTE", palette));
  if (!transparency.empty()) append(out, png_chunk("tRNS", transparency));
  Bytes stream = deflated(rows, level);
  append(stream, tail);
  for (std::size_t at = 0; at < stream.size(); at += std::min(cut, stream.size() - at)) {
    const auto begin = stream.begin() + static_cast<std::ptrdiff_t>(at);
    const std::size_t size = std::min(cut, stream.size() - at);
    append(out, png_chunk("IDAT", Bytes(begin, begin + static_cast<std::ptrdiff_t>(size))));
  }
  append(out, png_chunk("IEND", {}));
  return out;
}

}  // namespace worldshare::testing
