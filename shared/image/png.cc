#include <libdeflate.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "shared/image/byte_reader.h"
#include "shared/image/container.h"
#include "shared/image/png_parts.h"

// PNG (Portable Network Graphics) Specification, Second Edition, ISO/IEC 15948:2004.

namespace worldshare::image {
namespace {

constexpr std::array<std::uint8_t, 8> kMagic{0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
constexpr std::size_t kMaxChunkBytes = 0x7fffffff;
constexpr std::array<std::string_view, 6> kKeptAncillary{"tRNS", "gAMA", "cHRM",
                                                         "sRGB", "iCCP", "sBIT"};

struct Chunk {
  std::string_view type;
  ByteView data;
  ByteView whole;
};

std::unexpected<Error> corrupt(const std::string& what) {
  return fail(Errc::kCorrupt, "PNG: " + what);
}

bool is_type(std::string_view type) {
  return std::ranges::all_of(
      type, [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); });
}

Result<Chunk> next_chunk(ByteReader& reader, ByteView bytes) {
  const std::size_t begin = reader.position();
  const auto length = reader.u32_big();
  const auto type = reader.take(4);
  if (!length || !type) return corrupt("ends in a chunk's head");
  if (!is_type(as_text(*type))) return corrupt("a chunk's type is not text");
  const std::string name(as_text(*type));
  if (*length > kMaxChunkBytes) return corrupt("chunk " + name + " is too long");
  const auto data = reader.take(*length);
  const auto crc = reader.u32_big();
  if (!data || !crc) return corrupt("ends in chunk " + name);
  const ByteView checked = bytes.subspan(begin + 4, *length + 4U);
  const auto sum = libdeflate_crc32(0, checked.data(), checked.size());
  if (sum != *crc) return corrupt("chunk " + name + " has a wrong checksum");
  return Chunk{as_text(*type), *data, bytes.subspan(begin, *length + 12U)};
}

struct ColourType {
  std::uint8_t code;
  std::uint32_t channels;
  std::string_view depths;  // allowed bit depths as characters with these codes
};
constexpr std::array<ColourType, 5> kColourTypes{{{0, 1, "\x01\x02\x04\x08\x10"},
                                                  {2, 3, "\x08\x10"},
                                                  {3, 3, "\x01\x02\x04\x08"},
                                                  {4, 2, "\x08\x10"},
                                                  {6, 4, "\x08\x10"}}};

Result<PngParts> parse_ihdr(const Chunk& chunk) {
  if (chunk.type != "IHDR" || chunk.data.size() != 13) {
    return corrupt("does not begin with an IHDR chunk");
  }
  ByteReader reader(chunk.data);
  PngParts out;
  out.header.format = Format::kPng;
  out.header.width = *reader.u32_big();
  out.header.height = *reader.u32_big();
  out.bit_depth = *reader.u8();
  out.colour_type = *reader.u8();
  const auto* type = std::ranges::find(kColourTypes, out.colour_type, &ColourType::code);
  if (type == kColourTypes.end() || !type->depths.contains(static_cast<char>(out.bit_depth))) {
    return corrupt("colour type " + std::to_string(out.colour_type) + " with bit depth " +
                   std::to_string(out.bit_depth) + " does not exist");
  }
  if (*reader.u8() != 0 || *reader.u8() != 0)
    return corrupt("unknown compression or filter method");
  const std::uint8_t interlace = *reader.u8();
  if (interlace > 1) return corrupt("unknown interlace method");
  out.interlaced = interlace == 1;
  out.header.channels = type->channels;
  out.header.bits = out.bit_depth == 16 ? 16 : 8;
  return out;
}

/// Follows the order of the chunks that matter.
class ChunkOrder {
 public:
  Result<> add(const Chunk& chunk) {
    const bool data = chunk.type == "IDAT";
    if (chunk.type == "IHDR") return corrupt("has a second IHDR chunk");
    if (chunk.type == "PLTE" && (palette_ || transparency_ || data_seen_)) {
      return corrupt("PLTE chunk out of place");
    }
    if (chunk.type == "tRNS" && (transparency_ || data_seen_)) {
      return corrupt("tRNS chunk out of place");
    }
    palette_ = palette_ || chunk.type == "PLTE";
    transparency_ = transparency_ || chunk.type == "tRNS";
    if (data && data_ended_) return corrupt("IDAT chunks are not consecutive");
    if (data_seen_ && !data) data_ended_ = true;
    data_seen_ = data_seen_ || data;
    if (chunk.type == "IEND" && !data_seen_) return corrupt("has no IDAT chunk");
    if (chunk.type == "IEND" && !chunk.data.empty()) return corrupt("IEND chunk is not empty");
    if (chunk.type == "iCCP" && chunk.data.size() > kMaxProfileBytes) {
      return corrupt("colour profile is too large");
    }
    return {};
  }

 private:
  bool palette_ = false;
  bool transparency_ = false;
  bool data_seen_ = false;
  bool data_ended_ = false;
};

bool is_kept(std::string_view type) {
  return type == "PLTE" || type == "IDAT" || type == "IEND" ||
         std::ranges::find(kKeptAncillary, type) != kKeptAncillary.end();
}

std::string name_of_foreign(std::string_view type) {
  const std::string chunk(type);
  const bool animates = type == "acTL" || type == "fcTL" || type == "fdAT";
  return animates ? "an animation (chunk " + chunk + ")" : "a " + chunk + " chunk";
}

void collect(const Chunk& chunk, PngParts& out) {
  if (chunk.type == "PLTE") out.palette = chunk.data;
  if (chunk.type == "tRNS") out.transparency = chunk.data;
  if (chunk.type == "IDAT") out.data.push_back(chunk.data);
}

/// Walks to the end of the file; `layout` gets what the canonical form keeps.
Result<PngParts> walk(ByteView bytes, Layout& layout) {
  ByteReader reader(bytes);
  const auto magic = reader.take(kMagic.size());
  if (!magic) return corrupt("is too short");
  layout.keep(*magic);
  const auto first = next_chunk(reader, bytes);
  if (!first) return std::unexpected(first.error());
  auto parts = parse_ihdr(*first);
  if (!parts) return parts;
  layout.keep(first->whole);
  ChunkOrder order;
  for (bool ended = false; !ended;) {
    const auto chunk = next_chunk(reader, bytes);
    if (!chunk) return std::unexpected(chunk.error());
    if (const auto ok = order.add(*chunk); !ok) return std::unexpected(ok.error());
    if (is_kept(chunk->type)) {
      layout.keep(chunk->whole);
    } else if (chunk->type[0] >= 'A' && chunk->type[0] <= 'Z') {
      return corrupt("unknown critical chunk " + std::string(chunk->type));
    } else {
      layout.drop(name_of_foreign(chunk->type));
    }
    collect(*chunk, *parts);
    ended = chunk->type == "IEND";
  }
  if (reader.remaining() != 0) return corrupt("has data after its end");
  return parts;
}

}  // namespace

bool is_png(ByteView bytes) {
  return bytes.size() >= kMagic.size() &&
         std::ranges::equal(bytes.subspan(0, kMagic.size()), kMagic);
}

Result<Header> png_header(ByteView bytes) {
  ByteReader reader(bytes);
  reader.take(kMagic.size());
  const auto first = next_chunk(reader, bytes);
  if (!first) return std::unexpected(first.error());
  const auto parts = parse_ihdr(*first);
  if (!parts) return std::unexpected(parts.error());
  return parts->header;
}

Result<Layout> png_layout(ByteView bytes) {
  Layout out;
  if (const auto parts = walk(bytes, out); !parts) return std::unexpected(parts.error());
  return out;
}

Result<PngParts> read_png(ByteView bytes) {
  if (!is_png(bytes)) return corrupt("does not begin as one");
  Layout layout;
  auto parts = walk(bytes, layout);
  if (parts) parts->foreign = layout.dropped;
  return parts;
}

}  // namespace worldshare::image
