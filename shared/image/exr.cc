#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <vector>

#include "shared/image/byte_reader.h"
#include "shared/image/container.h"
#include "shared/image/exr_parts.h"

// "OpenEXR File Layout", openexr.com: single-part scan-line and tiled files.

namespace worldshare::image {
namespace {

constexpr std::uint32_t kMagic = 20000630;
constexpr std::uint32_t kTiled = 1U << 9;
constexpr std::uint32_t kLongNames = 1U << 10;
constexpr std::size_t kMaxAttributes = 1024;
constexpr std::size_t kMaxAttributeBytes = 64U << 20;  // Blender's longest is a preview
constexpr std::size_t kMaxKeptBytes = 64;  // chromaticities have 32; the channel list may be longer
constexpr std::uint64_t kMaxChunks = 1U << 24;
constexpr std::uint32_t kMaxChannels = 1024;
constexpr std::uint32_t kMaxTileSide = 2048;  // a decoder allocates whole tiles
constexpr std::array<std::string_view, 13> kKept{
    "channels",  "compression",      "dataWindow",         "displayWindow",
    "lineOrder", "pixelAspectRatio", "screenWindowCenter", "screenWindowWidth",
    "tiles",     "chromaticities",   "whiteLuminance",     "type",
    "chunkCount"};

std::unexpected<Error> corrupt(const std::string& what) {
  return fail(Errc::kCorrupt, "OpenEXR: " + what);
}

struct Tiles {
  std::uint32_t width = 0;
  std::uint32_t height = 0;
  std::uint8_t mode = 0;  // low 4 bits: levels, high 4 bits: rounding
};

/// The attributes that decide about the layout, and those that are kept.
struct Attributes {
  std::uint32_t version = 0;
  std::uint64_t width = 0;
  std::uint64_t height = 0;
  std::uint8_t compression = 0;
  std::uint32_t channels = 0;
  std::uint32_t bits = 0;
  bool floating_point = false;
  std::optional<Tiles> tiles;
  bool has_channels = false;
  bool has_compression = false;
  bool has_window = false;
  std::size_t end = 0;  // where the header ends
  Layout layout;
};

Result<> parse_channels(ByteView value, Attributes& out) {
  ByteReader reader(value);
  for (;;) {
    const auto name = reader.text(255);
    if (!name) return corrupt("channel list is cut");
    if (name->empty()) break;
    const auto type = reader.u32_little();
    reader.take(4);  // perceptual linearity
    const auto x_sampling = reader.u32_little();
    const auto y_sampling = reader.u32_little();
    if (!type || !x_sampling || !y_sampling) return corrupt("channel list is cut");
    if (*type > 2) return corrupt("unknown channel type");
    if (*x_sampling != 1 || *y_sampling != 1) return corrupt("subsampled channels");
    if (++out.channels > kMaxChannels) return corrupt("too many channels");
    out.bits = std::max(out.bits, *type == 1 ? 16U : 32U);
    out.floating_point = out.floating_point || *type != 0;
  }
  if (out.channels == 0 || reader.remaining() != 0) return corrupt("damaged channel list");
  out.has_channels = true;
  return {};
}

Result<> parse_window(ByteView value, Attributes& out) {
  ByteReader reader(value);
  const auto x0 = reader.i32_little();
  const auto y0 = reader.i32_little();
  const auto x1 = reader.i32_little();
  const auto y1 = reader.i32_little();
  if (!x0 || !y0 || !x1 || !y1 || *x1 < *x0 || *y1 < *y0) return corrupt("damaged data window");
  out.width = static_cast<std::uint64_t>(std::int64_t{*x1} - *x0 + 1);
  out.height = static_cast<std::uint64_t>(std::int64_t{*y1} - *y0 + 1);
  if (out.width > kMaxSidePixels || out.height > kMaxSidePixels) {
    return corrupt("data window is absurdly large");
  }
  out.has_window = true;
  return {};
}

Result<> parse_tiles(ByteView value, Attributes& out) {
  ByteReader reader(value);
  const auto width = reader.u32_little();
  const auto height = reader.u32_little();
  const auto mode = reader.u8();
  if (!width || !height || !mode || *width == 0 || *height == 0)
    return corrupt("damaged tile size");
  if (*width > kMaxTileSide || *height > kMaxTileSide) return corrupt("absurdly large tiles");
  if ((*mode & 0x0f) > 2 || (*mode >> 4) > 1) return corrupt("unknown tile levels");
  out.tiles = Tiles{*width, *height, *mode};
  return {};
}

Result<> parse_type(ByteView value, const Attributes& out) {
  const bool tiled = (out.version & kTiled) != 0;
  if (as_text(value) == (tiled ? "tiledimage" : "scanlineimage")) return {};
  return corrupt("its type is not that of a flat image");
}

Result<> parse_attribute(std::string_view name, ByteView value, Attributes& out) {
  if (name == "channels") return parse_channels(value, out);
  if (name == "dataWindow") return parse_window(value, out);
  if (name == "tiles") return parse_tiles(value, out);
  if (name == "type") return parse_type(value, out);
  if (name == "compression") {
    if (value.size() != 1 || value[0] > 9) return corrupt("unknown compression");
    out.compression = value[0];
    out.has_compression = true;
  }
  return {};
}

Result<> check_complete(const Attributes& out) {
  if (!out.has_channels || !out.has_compression || !out.has_window) {
    return corrupt("channels, compression or dataWindow is missing");
  }
  if ((out.version & kTiled) != 0 && !out.tiles) return corrupt("tile size is missing");
  return {};
}

Result<> take_attribute(ByteReader& reader,
                        ByteView bytes,
                        std::string_view name,
                        std::vector<std::string_view>& seen,
                        Attributes& out) {
  const std::size_t begin = reader.position() - name.size() - 1;
  const auto type = reader.text(255);
  const auto size = reader.u32_little();
  if (!type || !size || *size > kMaxAttributeBytes) return corrupt("damaged attribute");
  const auto value = reader.take(*size);
  if (!value) return corrupt("ends in an attribute");
  const bool repeated = std::ranges::find(seen, name) != seen.end();
  if (repeated || seen.size() >= kMaxAttributes) return corrupt("repeated or too many attributes");
  seen.push_back(name);
  if (const auto ok = parse_attribute(name, *value, out); !ok) return ok;
  if (std::ranges::find(kKept, name) == kKept.end()) {
    out.layout.drop("an attribute other than the standard ones");
  } else if (name != "channels" && value->size() > kMaxKeptBytes) {
    return corrupt("a standard attribute is too long");
  } else {
    out.layout.keep(bytes.subspan(begin, reader.position() - begin));
  }
  return {};
}

Result<Attributes> parse_attributes(ByteView bytes) {
  ByteReader reader(bytes);
  Attributes out;
  const auto magic = reader.u32_little();
  const auto version = reader.u32_little();
  if (!magic || !version) return corrupt("is too short");
  if ((*version & 0xff) != 2) return corrupt("unknown version");
  if ((*version & ~(0xffU | kTiled | kLongNames)) != 0) {
    return corrupt("deep, multi-part or unknown features");
  }
  out.version = *version;
  out.layout.keep(bytes.subspan(0, 8));
  std::vector<std::string_view> seen;
  for (;;) {
    const auto name = reader.text(255);
    if (!name) return corrupt("ends in its header");
    if (name->empty()) break;
    if (const auto ok = take_attribute(reader, bytes, *name, seen, out); !ok) {
      return std::unexpected(ok.error());
    }
  }
  if (const auto ok = check_complete(out); !ok) return std::unexpected(ok.error());
  out.end = reader.position();
  return out;
}

std::uint64_t divide_up(std::uint64_t value, std::uint64_t by) { return (value + by - 1) / by; }

std::uint64_t lines_per_chunk(std::uint8_t compression) {
  constexpr std::array<std::uint64_t, 10> kLines{1, 1, 1, 16, 32, 16, 32, 32, 32, 256};
  return kLines[compression];
}

std::uint64_t count_levels(std::uint64_t side, bool round_up) {
  std::uint64_t levels = 1;
  for (; side > 1; side = round_up ? divide_up(side, 2) : side / 2) ++levels;
  return levels;
}

std::uint64_t level_side(std::uint64_t side, std::uint64_t level, bool round_up) {
  const std::uint64_t scale = std::uint64_t{1} << level;
  return std::max<std::uint64_t>(1, round_up ? divide_up(side, scale) : side / scale);
}

std::uint64_t count_tiles(const Attributes& a) {
  const bool round_up = (a.tiles->mode >> 4) == 1;
  const int mode = a.tiles->mode & 0x0f;
  const auto columns = [&](std::uint64_t level) {
    return divide_up(level_side(a.width, level, round_up), a.tiles->width);
  };
  const auto rows = [&](std::uint64_t level) {
    return divide_up(level_side(a.height, level, round_up), a.tiles->height);
  };
  if (mode == 0) return columns(0) * rows(0);
  std::uint64_t count = 0;
  if (mode == 1) {
    const std::uint64_t levels = count_levels(std::max(a.width, a.height), round_up);
    for (std::uint64_t level = 0; level < levels; ++level) count += columns(level) * rows(level);
    return count;
  }
  std::uint64_t across = 0;
  for (std::uint64_t x = 0; x < count_levels(a.width, round_up); ++x) across += columns(x);
  for (std::uint64_t y = 0; y < count_levels(a.height, round_up); ++y) count += rows(y);
  return across * count;
}

std::uint64_t count_chunks(const Attributes& a) {
  if ((a.version & kTiled) != 0) return count_tiles(a);
  return divide_up(a.height, lines_per_chunk(a.compression));
}

/// Where each chunk begins, found by walking from chunk to chunk; they must fill the file to its
/// end.
Result<std::vector<std::uint64_t>> walk_chunks(ByteReader& reader,
                                               bool tiled,
                                               std::uint64_t count) {
  std::vector<std::uint64_t> starts;
  starts.reserve(count);
  for (std::uint64_t i = 0; i < count; ++i) {
    starts.push_back(reader.position());
    const auto place = reader.take(tiled ? 16 : 4);
    const auto size = reader.u32_little();
    if (!place || !size || !reader.take(*size)) return corrupt("ends in its pixel data");
  }
  if (reader.remaining() != 0) return corrupt("has data after its end");
  return starts;
}

}  // namespace

bool is_exr(ByteView bytes) {
  ByteReader reader(bytes);
  return reader.u32_little() == kMagic;
}

Result<Header> exr_header(ByteView bytes) {
  const auto a = parse_attributes(bytes);
  if (!a) return std::unexpected(a.error());
  return Header{Format::kExr,
                static_cast<std::uint32_t>(a->width),
                static_cast<std::uint32_t>(a->height),
                a->channels,
                a->bits,
                a->floating_point};
}

Result<Layout> exr_layout(ByteView bytes) {
  auto a = parse_attributes(bytes);
  if (!a) return std::unexpected(a.error());
  ByteReader reader(bytes);
  reader.take(a->end);
  const std::uint64_t count = count_chunks(*a);
  if (count > kMaxChunks || count * 8 > reader.remaining()) {
    return corrupt("ends in its chunk table");
  }
  std::vector<std::uint64_t> table(count);
  for (auto& offset : table) offset = *reader.u64_little();
  const auto starts = walk_chunks(reader, (a->version & kTiled) != 0, count);
  if (!starts) return std::unexpected(starts.error());
  std::ranges::sort(table);
  if (table != *starts) return corrupt("the chunk table does not match the chunks");
  a->layout.keep(bytes.subspan(a->end - 1));  // the header's closing NUL, table and chunks
  a->layout.table_position = a->end;
  a->layout.table_entries = count;
  return std::move(a->layout);
}

Result<ExrParts> read_exr(ByteView bytes) {
  const auto a = parse_attributes(bytes);
  if (!a) return std::unexpected(a.error());
  auto layout = exr_layout(bytes);
  if (!layout) return std::unexpected(layout.error());
  return ExrParts{(a->version & kTiled) != 0,
                  static_cast<std::uint32_t>(lines_per_chunk(a->compression)),
                  bytes.subspan(layout->table_position + 8 * layout->table_entries),
                  std::move(layout->dropped)};
}

}  // namespace worldshare::image
