#include "verifier/image/png_samples.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace worldshare::verifier {
namespace {

constexpr std::uint8_t kGreyType = 0;
constexpr std::uint8_t kPaletteType = 3;
constexpr std::uint8_t kAlphaBit = 4;  // of the colour type

std::uint8_t channels_of(const image::PngParts& parts) {
  if (parts.colour_type == kPaletteType) return parts.transparency.empty() ? 3 : 4;
  return static_cast<std::uint8_t>(parts.header.channels);
}

std::size_t samples_per_pixel(const image::PngParts& parts) {
  return parts.colour_type == kPaletteType ? 1 : parts.header.channels;
}

/// PNG's samples are big-endian.
void swap_row(const std::uint8_t* in, std::uint8_t* out, std::size_t bytes) {
  constexpr std::uint64_t kLow = 0x00ff00ff00ff00ff;
  std::size_t i = 0;
  for (; i + 8 <= bytes; i += 8) {
    std::uint64_t four = 0;
    std::memcpy(&four, in + i, 8);
    four = (four & kLow) << 8 | (four >> 8 & kLow);
    std::memcpy(out + i, &four, 8);
  }
  for (; i < bytes; i += 2) {
    out[i] = in[i + 1];
    out[i + 1] = in[i];
  }
}

}  // namespace

Result<PngSamples> PngSamples::of(const image::PngParts& parts) {
  static_assert(std::endian::native == std::endian::little);
  if (parts.interlaced) {
    return fail(Errc::kInvalid, "PNG: is interlaced (Adam7), which no render is");
  }
  const bool palette = parts.colour_type == kPaletteType;
  if (!palette && !parts.transparency.empty()) {
    return fail(Errc::kInvalid, "PNG: has a transparent colour (tRNS) instead of an alpha channel");
  }
  const bool wide = parts.bit_depth == 16;
  PngSamples out;
  out.shape_ = {parts.header.width, parts.header.height, channels_of(parts),
                wide ? Depth::kU16 : Depth::kU8};
  out.depth_ = parts.bit_depth;
  out.pixel_bits_ = samples_per_pixel(parts) * parts.bit_depth;
  if (wide) out.kind_ = Kind::kSwapped;
  if (parts.bit_depth < 8) out.kind_ = Kind::kGrey;
  if (palette) out.kind_ = Kind::kPalette;
  if (const auto ok = out.set_palette(parts); !ok) return std::unexpected(ok.error());
  return out;
}

Result<> PngSamples::set_palette(const image::PngParts& parts) {
  const bool grey = (parts.colour_type & ~kAlphaBit) == kGreyType;
  if (grey && !parts.palette.empty()) return fail(Errc::kCorrupt, "PNG: grey with a palette");
  if (kind_ != Kind::kPalette) return {};
  colours_ = parts.palette.size() / 3;
  if (colours_ == 0 || parts.palette.size() % 3 != 0 || colours_ > (std::size_t{1} << depth_)) {
    return fail(Errc::kCorrupt, "PNG: the palette is missing or has a wrong length");
  }
  if (parts.transparency.size() > colours_) {
    return fail(Errc::kCorrupt, "PNG: more transparent colours (tRNS) than the palette has");
  }
  for (std::size_t i = 0; i < colours_; ++i) {
    std::copy_n(parts.palette.begin() + static_cast<std::ptrdiff_t>(3 * i), 3, palette_[i].begin());
    palette_[i][3] = i < parts.transparency.size() ? parts.transparency[i] : 0xff;
  }
  return {};
}

unsigned PngSamples::index(const std::uint8_t* row, std::size_t x) const {
  if (depth_ == 8) return row[x];
  const std::size_t bit = x * depth_;
  return (row[bit / 8] >> (8 - depth_ - bit % 8)) & ((1U << depth_) - 1);
}

bool PngSamples::widen(const std::uint8_t* row, std::uint8_t* out) const {
  if (kind_ == Kind::kSwapped) {
    swap_row(row, out, row_bytes());
    return true;
  }
  const unsigned scale = 255 / ((1U << depth_) - 1);
  for (std::size_t x = 0; x < shape_.width; ++x, out += shape_.channels) {
    const unsigned value = index(row, x);
    if (kind_ == Kind::kGrey) {
      *out = static_cast<std::uint8_t>(value * scale);
    } else if (value < colours_) {
      std::memcpy(out, palette_[value].data(), shape_.channels);
    } else {
      return false;
    }
  }
  return true;
}

}  // namespace worldshare::verifier
