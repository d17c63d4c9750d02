#pragma once

#include <array>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "shared/bytes.h"
#include "shared/result.h"

namespace worldshare {

using Digest = std::array<std::uint8_t, 32>;

/// Streaming SHA-256. Not thread-safe.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;
  void update(ByteView bytes);
  /// The digest of all bytes so far; the object is spent afterwards.
  Digest finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

Digest sha256(ByteView bytes);
Result<Digest> sha256_file(const std::filesystem::path& path);
Digest hmac_sha256(ByteView key, ByteView message);

/// Cryptographically random bytes; never fails (the process stops if the kernel gives none).
void random_bytes(std::span<std::uint8_t> out);
/// Uniform in [0, bound), bound > 0, from the same source.
std::uint64_t random_below(std::uint64_t bound);

std::string to_hex(ByteView bytes);
/// Standard base64 with its padding (RFC 4648, 4).
std::string to_base64(std::string_view text);
/// Of standard base64 with its padding (RFC 4648, 4); nothing when it is not that.
std::optional<std::string> from_base64(std::string_view text);
/// 64 lower-case hex digits: the name of a blob.
bool is_sha256_hex(std::string_view text);
/// Compares in time that depends on the lengths only.
bool equal_constant_time(std::string_view a, std::string_view b);

inline constexpr std::size_t kSignatureBytes = 64;

/// True if `signature` is the Ed25519 signature of `message` by the key whose nkey text is
/// `public_key` ("U...").
bool verify_signature(std::string_view public_key, ByteView message, ByteView signature);
/// "U" and 55 base32 characters with a valid checksum.
bool is_user_nkey(std::string_view text);

/// An Ed25519 user key in NATS' nkey encoding: it authenticates at the broker and signs results and
/// tickets. Immutable, so thread-safe.
class NKey {
 public:
  static NKey generate();
  static Result<NKey> from_seed(std::string_view seed);
  /// Reads a seed file; refuses one that others may read: its group too, but for a file of root's
  /// that a process of another user reads.
  static Result<NKey> load(const std::filesystem::path& path);
  /// Writes the seed with mode 0600, atomically.
  Result<> save(const std::filesystem::path& path) const;

  const std::string& public_key() const { return public_key_; }
  const std::string& seed() const { return seed_; }
  Bytes sign(ByteView message) const;

 private:
  explicit NKey(const std::array<std::uint8_t, 32>& raw_seed);
  std::array<std::uint8_t, 64> secret_key_{};  ///< the seed and the public key
  std::string seed_;
  std::string public_key_;
};

}  // namespace worldshare
