#include "shared/nats/jwt/signing_key.h"

#include <sodium/crypto_sign_ed25519.h>

#include "shared/crypto.h"
#include "shared/files.h"

namespace worldshare::nats {

SigningKey::SigningKey(NKeyKind kind, const Ed25519Seed& seed) : seed_(nkey_seed_text(kind, seed)) {
  std::array<std::uint8_t, 32> key{};
  WS_CHECK(crypto_sign_ed25519_seed_keypair(key.data(), secret_key_.data(), seed.data()) == 0,
           "Ed25519");
  public_key_ = nkey_text(kind, key);
}

SigningKey SigningKey::generate(NKeyKind kind) {
  Ed25519Seed seed{};
  random_bytes(seed);
  return {kind, seed};
}

SigningKey SigningKey::derive(NKeyKind kind, ByteView secret, std::string_view name) {
  return {kind, hmac_sha256(secret, as_bytes("worldshare signing key 1\n" + std::string(name)))};
}

Result<SigningKey> SigningKey::load(NKeyKind kind, const std::filesystem::path& path) {
  if (auto ok = check_private(path); !ok) return std::unexpected(ok.error());
  auto text = read_file(path, 4096);
  if (!text) return std::unexpected(text.error());
  text->erase(text->find_last_not_of(" \r\n") + 1);
  const auto seed = nkey_seed_bytes(kind, *text);
  if (!seed) {
    return fail(Errc::kInvalid, path.string() + " holds no nkey seed of an " +
                                    (kind == NKeyKind::kOperator ? "operator (SO" : "account (SA") +
                                    " and 56 characters)");
  }
  return SigningKey(kind, *seed);
}

Result<> SigningKey::save(const std::filesystem::path& path) const {
  return write_file_atomically(path, seed_ + "\n", 0600);
}

Bytes SigningKey::sign(ByteView message) const {
  Bytes out(kSignatureBytes);
  WS_CHECK(crypto_sign_ed25519_detached(out.data(), nullptr, message.data(), message.size(),
                                        secret_key_.data()) == 0,
           "Ed25519 signature");
  return out;
}

}  // namespace worldshare::nats
