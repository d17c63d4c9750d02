#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "shared/bytes.h"

namespace worldshare {

/// The first byte of an nkey says whose it is.
enum class NKeyKind : std::uint8_t {
  kAccount = 0,         ///< "A..."
  kOperator = 14 << 3,  ///< "O..."
  kUser = 20 << 3,      ///< "U..."
};

using Ed25519Seed = std::array<std::uint8_t, 32>;

/// RFC 4648, 6, without padding.
std::string base32(ByteView bytes);

/// The text of a public key: 56 characters. `key`: 32 bytes.
std::string nkey_text(NKeyKind kind, ByteView key);
/// The public key's 32 bytes; nothing when the text is not an nkey of this kind with its checksum.
std::optional<Bytes> nkey_bytes(NKeyKind kind, std::string_view text);

/// The text of a private key: "S", the kind's letter, 58 characters in all.
std::string nkey_seed_text(NKeyKind kind, const Ed25519Seed& seed);
std::optional<Ed25519Seed> nkey_seed_bytes(NKeyKind kind, std::string_view text);

}  // namespace worldshare
