#include "verifier/image/png.h"

#include <fmt/format.h>
#include <libdeflate.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <vector>

#include "shared/image/png_parts.h"
#include "shared/unique_handle.h"
#include "verifier/image/png_samples.h"
#include "verifier/image/unfilter.h"

namespace worldshare::verifier {
namespace {

/// A zlib stream cannot say more than this per byte: 258 bytes for two codes of one bit each.
constexpr std::size_t kGreatestRatio = 1032;
/// Head, an empty block and the checksum.
constexpr std::size_t kLeastStream = 8;
constexpr std::uint8_t kPaletteColour = 3;
/// Rows that are unfiltered before they are widened.
constexpr std::size_t kBand = 16;

/// Memory of this thread that the next picture uses again: fresh pages cost as much as unfiltering.
class Scratch {
 public:
  std::uint8_t* take(std::size_t bytes) {
    if (bytes > size_) {
      memory_.reset();
      size_ = 0;
      memory_ = std::make_unique_for_overwrite<std::uint8_t[]>(bytes);
      size_ = bytes;
    }
    return memory_.get();
  }
  void shrink() {
    if (size_ <= kKeptPngBytes) return;
    memory_.reset();
    size_ = 0;
  }

 private:
  std::unique_ptr<std::uint8_t[]> memory_;
  std::size_t size_ = 0;
};

std::unexpected<Error> corrupt(const std::string& what) {
  return fail(Errc::kCorrupt, "PNG: " + what);
}

std::size_t size_of(const std::vector<ByteView>& pieces) {
  std::size_t size = 0;
  for (const ByteView piece : pieces) size += piece.size();
  return size;
}

/// The zlib stream in one piece; `storage` has room for it, when the file cuts it.
ByteView join(const std::vector<ByteView>& pieces, std::uint8_t* storage) {
  if (pieces.size() == 1) return pieces[0];
  std::uint8_t* at = storage;
  for (const ByteView piece : pieces) {
    if (piece.empty()) continue;
    std::memcpy(at, piece.data(), piece.size());
    at += piece.size();
  }
  return {storage, at};
}

Result<> inflate(ByteView stream, std::uint8_t* out, std::size_t expected) {
  const UniqueHandle<libdeflate_decompressor, libdeflate_free_decompressor> decompressor(
      libdeflate_alloc_decompressor());
  if (!decompressor) return fail(Errc::kUnavailable, "no memory to inflate a picture");
  std::size_t used = 0;
  std::size_t written = 0;
  const auto outcome = libdeflate_zlib_decompress_ex(decompressor.get(), stream.data(),
                                                     stream.size(), out, expected, &used, &written);
  if (outcome == LIBDEFLATE_INSUFFICIENT_SPACE) {
    return corrupt("the picture data inflates to more than the header announces");
  }
  if (outcome != LIBDEFLATE_SUCCESS) return corrupt("the picture data is no intact zlib stream");
  if (written != expected) return corrupt("the picture data ends before the last row");
  if (used != stream.size()) return corrupt("other bytes follow the picture data");
  return {};
}

Result<> check_size(const std::vector<ByteView>& pieces, std::size_t expected) {
  if (size_of(pieces) >= std::max(kLeastStream, expected / kGreatestRatio)) return {};
  return corrupt("there is far too little picture data for its size");
}

/// The filtered rows, in `scratch`.
Result<const std::uint8_t*> inflated(const std::vector<ByteView>& pieces,
                                     std::size_t expected,
                                     Scratch& scratch) {
  const std::size_t stream_bytes = size_of(pieces);
  if (const auto ok = check_size(pieces, expected); !ok) return std::unexpected(ok.error());
  std::uint8_t* out = scratch.take(expected + (pieces.size() == 1 ? 0 : stream_bytes));
  const ByteView stream = join(pieces, out + expected);
  if (const auto ok = inflate(stream, out, expected); !ok) return std::unexpected(ok.error());
  return out;
}

Result<> check_filters(const FilteredRows& rows) {
  for (std::size_t y = 0; y < rows.count; ++y) {
    if (rows.filter(y) > kLastFilter) {
      return corrupt(fmt::format("row {} has filter {}, which does not exist", y, rows.filter(y)));
    }
  }
  return {};
}

/// By bands, so that what was unfiltered is still in the cache when it is widened.
Result<> widen(const FilteredRows& rows, const PngSamples& samples, Picture& out) {
  std::vector<std::uint8_t> band((kBand + 1) * rows.row_bytes);
  std::uint8_t* const unfiltered = band.data() + rows.row_bytes;
  for (std::size_t y = 0; y < rows.count; y += kBand) {
    FilteredRows part = rows;
    part.bytes = rows.row(y);
    part.count = std::min(kBand, rows.count - y);
    unfilter(part, band.data(), unfiltered, rows.row_bytes);
    for (std::size_t i = 0; i < part.count; ++i) {
      auto* row = out.row<std::uint8_t>(static_cast<std::uint32_t>(y + i));
      if (!samples.widen(unfiltered + i * rows.row_bytes, row)) {
        return corrupt(fmt::format("row {} names a colour that the palette does not have", y + i));
      }
    }
    std::memcpy(band.data(), unfiltered + (part.count - 1) * rows.row_bytes, rows.row_bytes);
  }
  return {};
}

Result<> write(const FilteredRows& rows, const PngSamples& samples, Picture& out) {
  if (!samples.direct()) return widen(rows, samples, out);
  const std::vector<std::uint8_t> zeros(rows.row_bytes);
  unfilter(rows, zeros.data(), out.row<std::uint8_t>(0), out.shape().stride());
  return {};
}

/// RFC 1950: deflate, a window of at most 32 KiB, no preset dictionary, 31 divides the head.
bool is_zlib_head(ByteView stream) {
  const unsigned method = stream[0];
  const unsigned flags = stream[1];
  return (method & 0x0fU) == 8 && method >> 4U <= 7 && (flags & 0x20U) == 0 &&
         (method * 256 + flags) % 31 == 0;
}

Result<> check_stream_head(const std::vector<ByteView>& pieces) {
  std::array<std::uint8_t, 2> head{};
  std::size_t have = 0;
  for (const ByteView piece : pieces) {
    for (std::size_t i = 0; i < piece.size() && have < head.size(); ++i) head[have++] = piece[i];
  }
  if (have == head.size() && is_zlib_head(head)) return {};
  return corrupt("the picture data is no zlib stream");
}

std::size_t filtered_bytes(const image::PngParts& parts, const PngSamples& samples) {
  return parts.header.height * (samples.row_bytes() + 1);
}

Result<image::PngParts> canonical_parts(ByteView file) {
  auto parts = image::read_png(file);
  if (parts && !parts->foreign.empty()) {
    return fail(Errc::kInvalid, "the image carries " + parts->foreign);
  }
  return parts;
}

Scratch& scratch_of_thread() {
  thread_local Scratch scratch;
  return scratch;
}

Result<FilteredRows> filtered_rows(const image::PngParts& parts,
                                   const PngSamples& samples,
                                   Scratch& scratch) {
  const std::size_t height = parts.header.height;
  const auto raw = inflated(parts.data, filtered_bytes(parts, samples), scratch);
  if (!raw) return std::unexpected(raw.error());
  const FilteredRows rows{*raw, height, samples.row_bytes(), samples.filter_bytes()};
  if (const auto ok = check_filters(rows); !ok) return std::unexpected(ok.error());
  return rows;
}

Result<Picture> decode_parts(const image::PngParts& parts,
                             PictureMemory& memory,
                             Scratch& scratch) {
  const auto samples = PngSamples::of(parts);
  if (!samples) return std::unexpected(samples.error());
  const auto rows = filtered_rows(parts, *samples, scratch);
  if (!rows) return std::unexpected(rows.error());
  auto out = new_picture(samples->shape(), memory);
  if (!out) return out;
  if (const auto ok = write(*rows, *samples, *out); !ok) return std::unexpected(ok.error());
  return out;
}

}  // namespace

Result<Picture> decode_png(ByteView file, PictureMemory& memory) {
  const auto parts = canonical_parts(file);
  if (!parts) return std::unexpected(parts.error());
  Scratch& scratch = scratch_of_thread();
  auto out = decode_parts(*parts, memory, scratch);
  scratch.shrink();
  return out;
}

Result<> check_png_structure(ByteView file) {
  const auto parts = canonical_parts(file);
  if (!parts) return std::unexpected(parts.error());
  const auto samples = PngSamples::of(*parts);
  if (!samples) return std::unexpected(samples.error());
  if (const auto ok = check_size(parts->data, filtered_bytes(*parts, *samples)); !ok) return ok;
  return check_stream_head(parts->data);
}

Result<> check_png_decodes(ByteView file) {
  const auto parts = canonical_parts(file);
  if (!parts) return std::unexpected(parts.error());
  const auto samples = PngSamples::of(*parts);
  if (!samples) return std::unexpected(samples.error());
  if (parts->colour_type == kPaletteColour) {  // only pixels show whether its palette has them all
    HeapMemory heap;
    const auto picture = decode_png(file, heap);
    return picture ? Result<>{} : std::unexpected(picture.error());
  }
  Scratch& scratch = scratch_of_thread();
  const auto rows = filtered_rows(*parts, *samples, scratch);
  scratch.shrink();
  return rows ? Result<>{} : std::unexpected(rows.error());
}

}  // namespace worldshare::verifier
