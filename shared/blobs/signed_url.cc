#include "shared/blobs/signed_url.h"

#include <charconv>
#include <map>

#include "shared/crypto.h"

namespace worldshare::blobs {
namespace {

std::string_view name(Access access) { return access == Access::kGet ? "get" : "put"; }

/// "a=1&b=2"; the last of repeated keys wins. Values of ours need no decoding.
std::map<std::string_view, std::string_view> split_query(std::string_view query) {
  std::map<std::string_view, std::string_view> out;
  while (!query.empty()) {
    const auto end = query.find('&');
    const std::string_view pair = query.substr(0, end);
    const auto equals = pair.find('=');
    if (equals != std::string_view::npos) out[pair.substr(0, equals)] = pair.substr(equals + 1);
    query = end == std::string_view::npos ? std::string_view() : query.substr(end + 1);
  }
  return out;
}

bool parse(std::string_view text, std::uint64_t& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return !text.empty() && error == std::errc() && end == text.data() + text.size();
}

}  // namespace

UrlSigner::UrlSigner(std::string secret, std::string base)
    : secret_(std::move(secret)), base_(std::move(base)) {
  WS_CHECK(secret_.size() >= 32, "URL secret of at least 32 bytes");
}

std::string UrlSigner::mac(Access access,
                           const std::string& sha256,
                           std::uint64_t size_bytes,
                           std::uint64_t expires_ms) const {
  const std::string text = "worldshare url 1\n" + std::string(name(access)) + "\n" + sha256 + "\n" +
                           std::to_string(size_bytes) + "\n" + std::to_string(expires_ms) + "\n";
  return to_hex(hmac_sha256(as_bytes(secret_), as_bytes(text)));
}

std::string UrlSigner::sign(Access access,
                            const std::string& sha256,
                            std::uint64_t size_bytes,
                            Clock::TimePoint expires) const {
  const std::uint64_t expires_ms = unix_ms(expires);
  return base_ + "/v1/blobs/" + sha256 + "?size=" + std::to_string(size_bytes) +
         "&expires=" + std::to_string(expires_ms) +
         "&signature=" + mac(access, sha256, size_bytes, expires_ms);
}

Result<UrlSigner::Grant> UrlSigner::check(Access access,
                                          const std::string& sha256,
                                          std::string_view query,
                                          Clock::TimePoint now) const {
  const auto fields = split_query(query);
  const auto field = [&](std::string_view key) {
    const auto found = fields.find(key);
    return found == fields.end() ? std::string_view() : found->second;
  };
  std::uint64_t size_bytes = 0;
  std::uint64_t expires_ms = 0;
  if (!parse(field("size"), size_bytes) || !parse(field("expires"), expires_ms)) {
    return fail(Errc::kDenied, "the URL is not signed");
  }
  if (!equal_constant_time(field("signature"), mac(access, sha256, size_bytes, expires_ms))) {
    return fail(Errc::kDenied, "the URL's signature is wrong");
  }
  if (unix_ms(now) > expires_ms)
    return fail(Errc::kDenied, "the URL has expired; ask for a fresh one");
  return Grant{size_bytes};
}

std::string url_to_get(const Store& store,
                       const UrlSigner& signer,
                       const std::string& sha256,
                       std::uint64_t size_bytes,
                       Clock::TimePoint now,
                       std::chrono::milliseconds lifetime) {
  const auto direct =
      store.grant_get(sha256, std::chrono::duration_cast<std::chrono::seconds>(lifetime));
  return direct ? direct->url : signer.sign(Access::kGet, sha256, size_bytes, now + lifetime);
}

}  // namespace worldshare::blobs
