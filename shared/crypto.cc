#include "shared/crypto.h"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <sodium/crypto_auth_hmacsha256.h>
#include <sodium/crypto_sign_ed25519.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <limits>
#include <vector>

#include "shared/files.h"
#include "shared/nkey_text.h"
#include "shared/unique_handle.h"

namespace worldshare {
namespace {

using MdContext = UniqueHandle<EVP_MD_CTX, EVP_MD_CTX_free>;

// Looking it up takes longer than hashing a short text.
const EVP_MD* sha256_method() {
  static const EVP_MD* const method = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  WS_CHECK(method != nullptr, "SHA-256");
  return method;
}

}  // namespace

struct Sha256::State {
  MdContext context{EVP_MD_CTX_new()};
};

Sha256::Sha256() : state_(std::make_unique<State>()) {
  WS_CHECK(EVP_DigestInit_ex(state_->context.get(), sha256_method(), nullptr) == 1, "SHA-256");
}
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

void Sha256::update(ByteView bytes) {
  WS_CHECK(EVP_DigestUpdate(state_->context.get(), bytes.data(), bytes.size()) == 1, "SHA-256");
}

Digest Sha256::finish() {
  Digest out{};
  unsigned size = 0;
  WS_CHECK(EVP_DigestFinal_ex(state_->context.get(), out.data(), &size) == 1, "SHA-256");
  return out;
}

Digest sha256(ByteView bytes) {
  Sha256 hash;
  hash.update(bytes);
  return hash.finish();
}

Result<Digest> sha256_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return fail(Errc::kNotFound, "cannot read " + path.string());
  Sha256 hash;
  std::array<char, 1 << 16> buffer{};
  while (in) {
    in.read(buffer.data(), buffer.size());
    hash.update(as_bytes({buffer.data(), static_cast<std::size_t>(in.gcount())}));
  }
  if (in.bad()) return fail(Errc::kUnavailable, "reading " + path.string() + " failed");
  return hash.finish();
}

Digest hmac_sha256(ByteView key, ByteView message) {
  crypto_auth_hmacsha256_state state;
  Digest out{};
  crypto_auth_hmacsha256_init(&state, key.data(), key.size());
  crypto_auth_hmacsha256_update(&state, message.data(), message.size());
  crypto_auth_hmacsha256_final(&state, out.data());
  return out;
}

void random_bytes(std::span<std::uint8_t> out) {
  WS_CHECK(RAND_bytes(out.data(), static_cast<int>(out.size())) == 1, "no randomness");
}

std::uint64_t random_below(std::uint64_t bound) {
  WS_CHECK(bound > 0, "random_below(0)");
  // Rejection keeps the draw uniform.
  const std::uint64_t limit = std::numeric_limits<std::uint64_t>::max() / bound * bound;
  for (;;) {
    std::array<std::uint8_t, 8> raw{};
    random_bytes(raw);
    std::uint64_t value = 0;
    std::memcpy(&value, raw.data(), raw.size());
    if (value < limit) return value % bound;
  }
}

std::string to_hex(ByteView bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  out.reserve(bytes.size() * 2);
  for (std::uint8_t byte : bytes) {
    out += kDigits[byte >> 4];
    out += kDigits[byte & 15];
  }
  return out;
}

std::string to_base64(std::string_view text) {
  std::vector<unsigned char> bytes(text.size() / 3 * 4 + 8);
  const int count =
      EVP_EncodeBlock(bytes.data(), reinterpret_cast<const unsigned char*>(text.data()),
                      static_cast<int>(text.size()));
  return {bytes.begin(), bytes.begin() + count};
}

std::optional<std::string> from_base64(std::string_view text) {
  if (text.empty() || text.size() % 4 != 0 || text.size() > 4'096) return std::nullopt;
  const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with("=") ? 1 : 0;
  // OpenSSL takes blanks around it, and padding for zeros.
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  if (text.find_first_not_of(kDigits) < text.size() - padding) return std::nullopt;
  std::vector<unsigned char> bytes(text.size() / 4 * 3);
  const int count =
      EVP_DecodeBlock(bytes.data(), reinterpret_cast<const unsigned char*>(text.data()),
                      static_cast<int>(text.size()));
  if (count < 0) return std::nullopt;
  return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size() - padding);
}

bool is_sha256_hex(std::string_view text) {
  return text.size() == 64 && std::ranges::all_of(text, [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

bool equal_constant_time(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

bool verify_signature(std::string_view public_key, ByteView message, ByteView signature) {
  const auto key = nkey_bytes(NKeyKind::kUser, public_key);
  if (!key || signature.size() != kSignatureBytes) return false;
  return crypto_sign_ed25519_verify_detached(signature.data(), message.data(), message.size(),
                                             key->data()) == 0;
}

bool is_user_nkey(std::string_view text) { return nkey_bytes(NKeyKind::kUser, text).has_value(); }

NKey::NKey(const std::array<std::uint8_t, 32>& raw_seed)
    : seed_(nkey_seed_text(NKeyKind::kUser, raw_seed)) {
  std::array<std::uint8_t, 32> key{};
  WS_CHECK(crypto_sign_ed25519_seed_keypair(key.data(), secret_key_.data(), raw_seed.data()) == 0,
           "Ed25519");
  public_key_ = nkey_text(NKeyKind::kUser, key);
}

NKey NKey::generate() {
  std::array<std::uint8_t, 32> raw{};
  random_bytes(raw);
  return NKey(raw);
}

Result<NKey> NKey::from_seed(std::string_view seed) {
  const auto raw = nkey_seed_bytes(NKeyKind::kUser, seed);
  if (!raw) return fail(Errc::kInvalid, "not an nkey user seed (58 characters that begin with SU)");
  return NKey(*raw);
}

Result<NKey> NKey::load(const std::filesystem::path& path) {
  if (auto ok = check_private(path); !ok) return std::unexpected(ok.error());
  auto text = read_file(path, 4096);
  if (!text) return std::unexpected(text.error());
  while (!text->empty() && (text->back() == '\n' || text->back() == '\r' || text->back() == ' '))
    text->pop_back();
  auto key = from_seed(*text);
  if (!key) key.error().message += ": " + path.string();
  return key;
}

Result<> NKey::save(const std::filesystem::path& path) const {
  return write_file_atomically(path, seed_ + "\n", 0600);
}

Bytes NKey::sign(ByteView message) const {
  Bytes out(kSignatureBytes);
  WS_CHECK(crypto_sign_ed25519_detached(out.data(), nullptr, message.data(), message.size(),
                                        secret_key_.data()) == 0,
           "Ed25519 signature");
  return out;
}

}  // namespace worldshare
