#include <zlib.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "shared/image/byte_reader.h"
#include "shared/image/container.h"

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
  const auto sum = crc32_z(0, checked.data(), checked.size());
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

Result<Header> parse_ihdr(const Chunk& chunk) {
  if (chunk.type != "IHDR" || chunk.data.size() != 13) {
    return corrupt("does not begin with an IHDR chunk");
  }
  ByteReader reader(chunk.data);
  Header header;
  header.format = Format::kPng;
  header.width = *reader.u32_big();
  header.height = *reader.u32_big();
  const std::uint8_t depth = *reader.u8();
  const std::uint8_t colour = *reader.u8();
  const auto* type = std::ranges::find(kColourTypes, colour, &ColourType::code);
  if (type == kColourTypes.end() || !type->depths.contains(static_cast<char>(depth))) {
    return corrupt("colour type " + std::to_string(colour) + " with bit depth " +
                   std::to_string(depth) + " does not exist");
  }
  if (*reader.u8() != 0 || *reader.u8() != 0 || *reader.u8() > 1) {
    return corrupt("unknown compression, filter or interlace method");
  }
  header.channels = type->channels;
  header.bits = depth == 16 ? 16 : 8;
  return header;
}

/// Follows the order of the chunks that matter.
class ChunkOrder {
 public:
  Result<> add(const Chunk& chunk) {
    const bool data = chunk.type == "IDAT";
    if (chunk.type == "IHDR") return corrupt("has a second IHDR chunk");
    if (chunk.type == "PLTE" && (palette_ || data_seen_)) return corrupt("PLTE chunk out of place");
    if (chunk.type == "PLTE") palette_ = true;
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
  bool data_seen_ = false;
  bool data_ended_ = false;
};

bool is_kept(std::string_view type) {
  return type == "PLTE" || type == "IDAT" || type == "IEND" ||
         std::ranges::find(kKeptAncillary, type) != kKeptAncillary.end();
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
  return parse_ihdr(*first);
}

Result<Layout> png_layout(ByteView bytes) {
  Layout out;
  ByteReader reader(bytes);
  const auto magic = reader.take(kMagic.size());
  if (!magic) return corrupt("is too short");
  out.keep(*magic);
  const auto first = next_chunk(reader, bytes);
  if (!first) return std::unexpected(first.error());
  if (const auto header = parse_ihdr(*first); !header) return std::unexpected(header.error());
  out.keep(first->whole);
  ChunkOrder order;
  for (;;) {
    const auto chunk = next_chunk(reader, bytes);
    if (!chunk) return std::unexpected(chunk.error());
    if (const auto ok = order.add(*chunk); !ok) return std::unexpected(ok.error());
    const std::string name(chunk->type);
    if (is_kept(name)) {
      out.keep(chunk->whole);
    } else if (name[0] >= 'A' && name[0] <= 'Z') {
      return corrupt("unknown critical chunk " + name);
    } else {
      out.drop("a " + name + " chunk");
    }
    if (name == "IEND") break;
  }
  if (reader.remaining() != 0) return corrupt("has data after its end");
  return out;
}

}  // namespace worldshare::image
