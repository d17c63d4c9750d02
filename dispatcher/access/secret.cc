#include "dispatcher/access/secret.h"

#include <algorithm>

#include "shared/crypto.h"
#include "shared/ids.h"

namespace worldshare::dispatcher {
namespace {

constexpr std::size_t kIdLength = 12;
constexpr std::size_t kSecretLength = 52;

bool is_plain(std::string_view text) {
  return std::ranges::all_of(
      text, [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); });
}

}  // namespace

std::string hash_of(std::string_view secret) { return to_hex(sha256(as_bytes(secret))); }

Secret new_secret(std::string_view prefix) {
  Secret out;
  out.id = new_id().substr(0, kIdLength);
  out.text = std::string(prefix) + "_" + out.id + "_" + new_id() + new_id();
  out.hash = hash_of(out.text);
  return out;
}

std::optional<std::string> id_in(std::string_view prefix, std::string_view text) {
  if (text.size() != prefix.size() + 1 + kIdLength + 1 + kSecretLength) return std::nullopt;
  if (!text.starts_with(prefix) || text[prefix.size()] != '_') return std::nullopt;
  const auto id = text.substr(prefix.size() + 1, kIdLength);
  const auto rest = text.substr(prefix.size() + 1 + kIdLength);
  if (rest[0] != '_' || !is_plain(id) || !is_plain(rest.substr(1))) return std::nullopt;
  return std::string(id);
}

}  // namespace worldshare::dispatcher
