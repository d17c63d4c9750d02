#pragma once

#include <filesystem>
#include <string>

#include "shared/nkey_text.h"
#include "shared/result.h"

namespace worldshare::nats {

/// The Ed25519 key of an operator or of an account: what it signs, the broker believes. Immutable,
/// so thread-safe.
class SigningKey {
 public:
  /// `kind`: kOperator or kAccount.
  static SigningKey generate(NKeyKind kind);
  /// Always the same key of `name` for the same secret, so that there may be one for every agent
  /// and none is kept.
  static SigningKey derive(NKeyKind kind, ByteView secret, std::string_view name);
  /// Of a seed file that save() wrote. kDenied when others may read it; kInvalid when it holds
  /// something else.
  static Result<SigningKey> load(NKeyKind kind, const std::filesystem::path& path);
  /// With mode 0600.
  Result<> save(const std::filesystem::path& path) const;

  const std::string& public_key() const { return public_key_; }
  Bytes sign(ByteView message) const;

 private:
  SigningKey(NKeyKind kind, const Ed25519Seed& seed);
  std::string seed_;
  std::string public_key_;
  std::array<std::uint8_t, 64> secret_key_{};  ///< the seed and the public key
};

}  // namespace worldshare::nats
