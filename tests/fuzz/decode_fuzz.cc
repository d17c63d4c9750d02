#include <libdeflate.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>

#include "shared/image/canonical.h"
#include "verifier/image/decode.h"
#include "verifier/image/same_payload.h"

// decode(), its checks and same_payload() of any bytes: no crash, bounded memory, and the promises
// of their headers hold. Two kinds of input: an image file, and 0xff before the rows of a PNG that
// is built here, because mutations hardly ever get through zlib and the checksums.

namespace {

namespace image = worldshare::image;
namespace verifier = worldshare::verifier;
using worldshare::Bytes;
using worldshare::ByteView;

constexpr std::uint64_t kPictureBytes = 8U << 20;
constexpr std::uint32_t kMaxWidth = 1U << 14;  // OpenEXR holds up to 256 lines, of any width

void append_big(Bytes& out, std::uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) {
    out.push_back(static_cast<std::uint8_t>(value >> shift));
  }
}

void append_chunk(Bytes& out, const char* type, ByteView data) {
  append_big(out, static_cast<std::uint32_t>(data.size()));
  const std::size_t begin = out.size();
  out.insert(out.end(), type, type + 4);
  out.insert(out.end(), data.begin(), data.end());
  append_big(out, libdeflate_crc32(0, out.data() + begin, out.size() - begin));
}

/// Stored blocks, so that every byte of the input is a byte of a row.
Bytes zlib_stream(ByteView rows) {
  Bytes out{0x78, 0x01};
  for (std::size_t at = 0; at == 0 || at < rows.size();) {
    const std::size_t size = std::min<std::size_t>(rows.size() - at, 0xffff);
    out.push_back(at + size == rows.size() ? 1 : 0);
    for (const std::size_t number : {size, ~size}) {
      out.push_back(static_cast<std::uint8_t>(number));
      out.push_back(static_cast<std::uint8_t>(number >> 8));
    }
    const auto block = rows.subspan(at, size);
    out.insert(out.end(), block.begin(), block.end());
    at += std::max<std::size_t>(size, 1);
  }
  append_big(out, libdeflate_adler32(1, rows.data(), rows.size()));
  return out;
}

/// `recipe`: width, colour type and depth, colours of the palette, then the rows.
Bytes build_png(ByteView recipe) {
  constexpr std::array<std::array<std::uint8_t, 3>, 15> kKinds{{{0, 1, 1},
                                                                {0, 2, 1},
                                                                {0, 4, 1},
                                                                {0, 8, 1},
                                                                {0, 16, 1},
                                                                {2, 8, 3},
                                                                {2, 16, 3},
                                                                {3, 1, 1},
                                                                {3, 2, 1},
                                                                {3, 4, 1},
                                                                {3, 8, 1},
                                                                {4, 8, 2},
                                                                {4, 16, 2},
                                                                {6, 8, 4},
                                                                {6, 16, 4}}};
  const auto& [colour, depth, samples] = kKinds[recipe[1] % kKinds.size()];
  const std::uint32_t width = 1U + recipe[0];
  const std::size_t row = 1 + (width * samples * depth + 7U) / 8;
  const std::size_t height = std::max<std::size_t>(1, (recipe.size() - 3) / row);
  Bytes ihdr;
  append_big(ihdr, width);
  append_big(ihdr, static_cast<std::uint32_t>(height));
  ihdr.insert(ihdr.end(), {depth, colour, 0, 0, 0});
  Bytes out{0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
  append_chunk(out, "IHDR", ihdr);
  if (colour == 3) append_chunk(out, "PLTE", Bytes(3 * std::max<std::size_t>(1, recipe[2]), 7));
  append_chunk(out, "IDAT",
               zlib_stream(recipe.subspan(3, std::min(recipe.size() - 3, row * height))));
  append_chunk(out, "IEND", {});
  return out;
}

void check_picture(const verifier::Picture& picture, const image::Header& header) {
  const auto& shape = picture.shape();
  WS_CHECK(shape.width == header.width && shape.height == header.height, "the header's size");
  WS_CHECK(shape.row_bytes() * shape.height <= kPictureBytes, "within the limit");
  for (std::uint32_t y = 0; y < shape.height; ++y) {
    const auto* row = picture.row<std::uint8_t>(y);
    const bool zero = std::all_of(row + shape.row_bytes(), row + shape.stride(),
                                  [](std::uint8_t byte) { return byte == 0; });
    WS_CHECK(zero, "the padding is zero");
  }
}

/// Memory full of one byte: what a decoder does not write differs between two of these.
class Filled : public verifier::PictureMemory {
 public:
  explicit Filled(int byte) : byte_(byte) {}
  std::shared_ptr<std::byte> take(std::size_t bytes) override {
    auto out = verifier::HeapMemory().take(bytes);
    std::memset(out.get(), byte_, bytes);
    return out;
  }

 private:
  int byte_;
};

void check(ByteView file) {
  const auto header = image::read_header(file);
  const auto same = verifier::same_payload(file, file);
  if (!header || header->width > kMaxWidth) return;
  Filled zeros(0);
  Filled ones(0xff);
  const verifier::ImageLimits limits{header->format, header->width, header->height, kPictureBytes};
  const auto picture = verifier::decode(file, limits, &zeros);
  const auto proof = verifier::check_decodes(file, limits);
  WS_CHECK(proof.has_value() == picture.has_value(), "the proof says what decode() says");
  const bool structured = verifier::has_structure(header->format);
  const bool structure = structured && verifier::check_structure(file, limits).has_value();
  if (!picture) {
    WS_CHECK(!picture.error().message.empty(), "a refusal has a reason");
    return;
  }
  check_picture(*picture, *header);
  WS_CHECK(structure || !structured, "what decodes has structure");
  WS_CHECK(same && *same, "what decodes is like itself");
  const auto again = verifier::decode(file, limits, &ones);
  WS_CHECK(again && verifier::same_pixels(*picture, *again), "every sample is written");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView bytes(data, size);
  const bool recipe = size > 4 && data[0] == 0xff && data[1] != 0xd8;
  if (recipe) {
    check(build_png(bytes.subspan(1)));
  } else {
    const auto clean = image::canonical(bytes);
    check(bytes);
    if (clean) check(*clean);
  }
  return 0;
}
