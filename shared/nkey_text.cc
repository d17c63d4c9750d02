#include "shared/nkey_text.h"

#include <algorithm>

namespace worldshare {
namespace {

constexpr std::string_view kBase32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
constexpr std::uint8_t kSeed = 18 << 3;
constexpr std::size_t kKeyBytes = 32;

bool from_base32(std::string_view text, Bytes& out) {
  std::uint32_t buffer = 0;
  unsigned bits = 0;
  for (char c : text) {
    const auto value = kBase32.find(c);
    if (value == std::string_view::npos) return false;
    buffer = (buffer << 5) | static_cast<std::uint32_t>(value);
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      out.push_back(static_cast<std::uint8_t>((buffer >> bits) & 0xff));
    }
  }
  return true;
}

// CRC-16/XMODEM, as the nkeys format asks for.
std::uint16_t crc16(ByteView bytes) {
  std::uint16_t crc = 0;
  for (std::uint8_t byte : bytes) {
    crc = static_cast<std::uint16_t>(crc ^ (byte << 8));
    for (int i = 0; i < 8; ++i) {
      crc = static_cast<std::uint16_t>((crc & 0x8000) ? (crc << 1) ^ 0x1021 : crc << 1);
    }
  }
  return crc;
}

std::string with_checksum(Bytes raw) {
  const std::uint16_t crc = crc16(raw);
  raw.push_back(static_cast<std::uint8_t>(crc & 0xff));
  raw.push_back(static_cast<std::uint8_t>(crc >> 8));
  return base32(raw);
}

/// What stands before a valid checksum and begins with `head`, without it.
std::optional<Bytes> checked(std::string_view text, ByteView head) {
  const std::size_t size = head.size() + kKeyBytes;
  if (text.size() > 2 * size) return std::nullopt;
  Bytes raw;
  // Of several texts with the same bytes one is the key's name.
  if (!from_base32(text, raw) || raw.size() != size + 2 || base32(raw) != text) return std::nullopt;
  const std::uint16_t crc = crc16(ByteView(raw).first(size));
  if (raw[size] != (crc & 0xff) || raw[size + 1] != (crc >> 8)) return std::nullopt;
  if (!std::ranges::equal(head, ByteView(raw).first(head.size()))) return std::nullopt;
  return Bytes(raw.begin() + static_cast<std::ptrdiff_t>(head.size()), raw.end() - 2);
}

std::array<std::uint8_t, 2> seed_head(NKeyKind kind) {
  const auto prefix = static_cast<unsigned>(kind);
  return {static_cast<std::uint8_t>(kSeed | (prefix >> 5)),
          static_cast<std::uint8_t>((prefix & 31) << 3)};
}

Bytes joined(ByteView head, ByteView tail) {
  Bytes out(head.begin(), head.end());
  out.insert(out.end(), tail.begin(), tail.end());
  return out;
}

}  // namespace

std::string base32(ByteView bytes) {
  std::string out;
  std::uint32_t buffer = 0;
  unsigned bits = 0;
  for (std::uint8_t byte : bytes) {
    buffer = (buffer << 8) | byte;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      out += kBase32[(buffer >> bits) & 31];
    }
  }
  if (bits > 0) out += kBase32[(buffer << (5 - bits)) & 31];
  return out;
}

std::string nkey_text(NKeyKind kind, ByteView key) {
  const std::array head{static_cast<std::uint8_t>(kind)};
  return with_checksum(joined(head, key));
}

std::optional<Bytes> nkey_bytes(NKeyKind kind, std::string_view text) {
  const std::array head{static_cast<std::uint8_t>(kind)};
  return checked(text, head);
}

std::string nkey_seed_text(NKeyKind kind, const Ed25519Seed& seed) {
  return with_checksum(joined(seed_head(kind), seed));
}

std::optional<Ed25519Seed> nkey_seed_bytes(NKeyKind kind, std::string_view text) {
  const auto raw = checked(text, seed_head(kind));
  if (!raw) return std::nullopt;
  Ed25519Seed out{};
  std::ranges::copy(*raw, out.begin());
  return out;
}

}  // namespace worldshare
