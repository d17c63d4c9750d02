#include "agents/swarm/synthetic_picture.h"

#include <zlib.h>

#include <array>
#include <string_view>

#include "shared/crypto.h"
#include "shared/result.h"

namespace worldshare::swarm {
namespace {

void append_number(Bytes& out, std::uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) {
    out.push_back(static_cast<std::uint8_t>(value >> shift));
  }
}

void append_chunk(Bytes& out, std::string_view type, const Bytes& data) {
  append_number(out, static_cast<std::uint32_t>(data.size()));
  const std::size_t begin = out.size();
  out.insert(out.end(), type.begin(), type.end());
  out.insert(out.end(), data.begin(), data.end());
  append_number(out,
                static_cast<std::uint32_t>(crc32_z(0, out.data() + begin, out.size() - begin)));
}

/// Rows of a filter byte and RGB samples.
Bytes rows(std::uint32_t width, std::uint32_t height, std::uint64_t seed) {
  // Multiplying by an odd constant spreads neighbouring seeds over all bits.
  const std::uint64_t mixed = (seed + 1) * 0x9e3779b97f4a7c15ULL;
  const std::array<std::uint8_t, 3> base{static_cast<std::uint8_t>(mixed >> 56U),
                                         static_cast<std::uint8_t>(mixed >> 48U),
                                         static_cast<std::uint8_t>(mixed >> 40U)};
  Bytes out;
  out.reserve(std::size_t{height} * (std::size_t{width} * 3 + 1));
  for (std::uint32_t y = 0; y < height; ++y) {
    out.push_back(0);
    for (std::uint32_t x = 0; x < width; ++x) {
      out.push_back(static_cast<std::uint8_t>(base[0] + x));
      out.push_back(static_cast<std::uint8_t>(base[1] + y));
      out.push_back(static_cast<std::uint8_t>(base[2] + x + y));
    }
  }
  return out;
}

}  // namespace

Bytes make_picture(std::uint32_t width, std::uint32_t height, std::uint64_t seed) {
  const Bytes plain = rows(width, height, seed);
  Bytes packed(compressBound(plain.size()));
  uLongf size = packed.size();
  WS_CHECK(compress2(packed.data(), &size, plain.data(), plain.size(), 1) == Z_OK, "deflate");
  packed.resize(size);
  Bytes header;
  append_number(header, width);
  append_number(header, height);
  header.insert(header.end(), {8, 2, 0, 0, 0});  // 8 bits, RGB, no interlace
  Bytes out{0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
  append_chunk(out, "IHDR", header);
  append_chunk(out, "IDAT", packed);
  append_chunk(out, "IEND", {});
  return out;
}

const SyntheticPicture& SyntheticPictures::get(std::uint32_t width,
                                               std::uint32_t height,
                                               std::uint64_t seed) {
  const auto found = kept_.find({width, height, seed});
  if (found != kept_.end()) return found->second;
  if (kept_.size() >= kKept) kept_.erase(kept_.begin());
  SyntheticPicture made{make_picture(width, height, seed), {}};
  made.sha256 = to_hex(sha256(made.bytes));
  return kept_.emplace(std::tuple(width, height, seed), std::move(made)).first->second;
}

}  // namespace worldshare::swarm
