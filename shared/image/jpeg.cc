#include <string_view>

#include "shared/image/byte_reader.h"
#include "shared/image/container.h"

// JPEG: ITU-T T.81 annex B; JFIF: ITU-T T.871.

namespace worldshare::image {
namespace {

constexpr std::uint8_t kSoi = 0xd8;
constexpr std::uint8_t kEoi = 0xd9;
constexpr std::uint8_t kSos = 0xda;
constexpr std::uint8_t kDqt = 0xdb;
constexpr std::uint8_t kDri = 0xdd;
constexpr std::uint8_t kDht = 0xc4;
constexpr std::uint8_t kApp0 = 0xe0;
constexpr std::uint8_t kComment = 0xfe;
/// Progressive files have about ten scans; each costs a decoder a pass over the whole picture.
constexpr int kMaxScans = 100;
constexpr std::size_t kJfifWithoutThumbnail = 14;

std::unexpected<Error> corrupt(const std::string& what) {
  return fail(Errc::kCorrupt, "JPEG: " + what);
}

struct Segment {
  std::uint8_t marker = 0;
  ByteView data;   // without marker and length
  ByteView whole;  // from the marker's 0xff on
  bool padded = false;
};

bool is_frame_header(std::uint8_t marker) {
  return marker >= 0xc0 && marker <= 0xcf && marker != kDht && marker != 0xc8 && marker != 0xcc;
}

Result<Segment> next_segment(ByteReader& reader, ByteView bytes) {
  Segment out;
  auto byte = reader.u8();
  if (!byte) return corrupt("ends without an end mark");
  if (*byte != 0xff) return corrupt("data where a marker should be");
  for (byte = reader.u8(); byte && *byte == 0xff; byte = reader.u8()) out.padded = true;
  if (!byte) return corrupt("ends in a marker");
  out.marker = *byte;
  const std::size_t begin = reader.position() - 2;
  if (out.marker == kSoi || out.marker == kEoi) {
    out.whole = bytes.subspan(begin, 2);
    return out;
  }
  if (out.marker == 0 || out.marker == 1 || (out.marker >= 0xd0 && out.marker <= 0xd7)) {
    return corrupt("a marker out of place");
  }
  const auto length = reader.u16_big();
  if (!length || *length < 2) return corrupt("ends in a segment's head");
  const auto data = reader.take(*length - 2U);
  if (!data) return corrupt("ends in a segment");
  out.data = *data;
  out.whole = bytes.subspan(begin, *length + 2U);
  return out;
}

Result<Header> parse_frame(const Segment& segment) {
  if (segment.marker > 0xc2) {
    return corrupt("neither baseline nor extended nor progressive");
  }
  ByteReader reader(segment.data);
  const auto bits = reader.u8();
  const auto height = reader.u16_big();
  const auto width = reader.u16_big();
  const auto components = reader.u8();
  if (!bits || !height || !width || !components) return corrupt("short frame header");
  if (*bits != 8) return corrupt("sample precision is not 8 bits");
  if (*components != 1 && *components != 3 && *components != 4) {
    return corrupt("has " + std::to_string(*components) + " components");
  }
  if (reader.remaining() != *components * 3U) return corrupt("frame header of a wrong length");
  return Header{Format::kJpeg, *width, *height, *components, *bits, false};
}

/// The entropy-coded data of a scan: up to the next marker that is not a restart mark.
Result<ByteView> take_scan_data(ByteReader& reader, ByteView bytes) {
  const std::size_t begin = reader.position();
  std::size_t at = begin;
  while (at + 1 < bytes.size()) {
    const std::uint8_t next = bytes[at + 1];
    const bool marker = bytes[at] == 0xff && next != 0 && next != 0xff;
    if (marker && !(next >= 0xd0 && next <= 0xd7)) return *reader.take(at - begin);
    ++at;
  }
  return corrupt("ends in a scan");
}

/// Empty when the segment is kept.
std::string why_dropped(const Segment& segment) {
  const std::string_view text = as_text(segment.data);
  if (segment.marker == kApp0 && text.starts_with(std::string_view("JFIF\0", 5)) &&
      text.size() == kJfifWithoutThumbnail) {
    return {};
  }
  if (segment.marker == 0xe2 && text.starts_with(std::string_view("ICC_PROFILE\0", 12))) return {};
  if (segment.marker == 0xee && text.starts_with("Adobe")) return {};
  if (segment.marker == kComment) return "a comment";
  return "an APP" + std::to_string(segment.marker - kApp0) + " segment";
}

bool is_application_data(std::uint8_t marker) {
  return (marker >= kApp0 && marker <= 0xef) || marker == kComment;
}

/// Walks the segments behind SOI.
class Walk {
 public:
  Walk(ByteView bytes, ByteReader& reader) : bytes_(bytes), reader_(reader) {}

  Result<> run(Layout& out) {
    for (;;) {
      const auto segment = next_segment(reader_, bytes_);
      if (!segment) return std::unexpected(segment.error());
      if (segment->padded) out.drop("padding between segments");
      if (segment->marker == kEoi) return finish(*segment, out);
      if (is_application_data(segment->marker)) {
        if (const auto ok = application(*segment, out); !ok) return ok;
        continue;
      }
      if (const auto ok = picture(*segment, out); !ok) return ok;
    }
  }

 private:
  Result<> finish(const Segment& segment, Layout& out) const {
    if (scans_ == 0) return corrupt("has no picture data");
    if (reader_.remaining() != 0) return corrupt("has data after its end");
    out.keep(segment.whole);
    return {};
  }

  Result<> application(const Segment& segment, Layout& out) {
    const std::string why = why_dropped(segment);
    if (!why.empty()) {
      out.drop(why);
      return {};
    }
    profile_bytes_ += segment.data.size();
    if (profile_bytes_ > kMaxProfileBytes) return corrupt("colour profile is too large");
    out.keep(segment.whole);
    return {};
  }

  Result<> picture(const Segment& segment, Layout& out) {
    const std::uint8_t marker = segment.marker;
    if (is_frame_header(marker)) {
      if (frame_) return corrupt("has a second frame");
      if (const auto header = parse_frame(segment); !header) {
        return std::unexpected(header.error());
      }
      frame_ = true;
    } else if (marker != kSos && marker != kDqt && marker != kDht && marker != kDri) {
      return corrupt("has an unknown segment");
    }
    out.keep(segment.whole);
    return marker == kSos ? scan(out) : Result<>{};
  }

  Result<> scan(Layout& out) {
    if (!frame_) return corrupt("picture data before the frame header");
    if (++scans_ > kMaxScans) return corrupt("has too many scans");
    const auto data = take_scan_data(reader_, bytes_);
    if (!data) return std::unexpected(data.error());
    out.keep(*data);
    return {};
  }

  ByteView bytes_;
  ByteReader& reader_;
  bool frame_ = false;
  int scans_ = 0;
  std::size_t profile_bytes_ = 0;
};

}  // namespace

bool is_jpeg(ByteView bytes) {
  return bytes.size() >= 3 && bytes[0] == 0xff && bytes[1] == kSoi && bytes[2] == 0xff;
}

Result<Header> jpeg_header(ByteView bytes) {
  ByteReader reader(bytes);
  reader.take(2);
  for (;;) {
    const auto segment = next_segment(reader, bytes);
    if (!segment) return std::unexpected(segment.error());
    if (is_frame_header(segment->marker)) return parse_frame(*segment);
    if (segment->marker == kSos || segment->marker == kEoi || segment->marker == kSoi) {
      return corrupt("has no frame header");
    }
  }
}

Result<Layout> jpeg_layout(ByteView bytes) {
  Layout out;
  ByteReader reader(bytes);
  const auto soi = reader.take(2);
  if (!soi) return corrupt("is too short");
  out.keep(*soi);
  if (const auto ok = Walk(bytes, reader).run(out); !ok) return std::unexpected(ok.error());
  return out;
}

}  // namespace worldshare::image
