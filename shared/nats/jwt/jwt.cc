#include "shared/nats/jwt/jwt.h"

#include <boost/json.hpp>

#include "shared/crypto.h"

namespace worldshare::nats {
namespace {

namespace json = boost::json;

constexpr std::string_view kHeader = R"({"typ":"JWT","alg":"ed25519-nkey"})";
constexpr std::int64_t kVersion = 2;

std::string base64url(std::string_view text) {
  std::string out = to_base64(text);
  while (out.ends_with('=')) out.pop_back();
  for (char& c : out) c = c == '+' ? '-' : c == '/' ? '_' : c;
  return out;
}

}  // namespace

std::string make_jwt(const JwtHead& head, json::object claims, const SigningKey& issuer) {
  claims["version"] = kVersion;
  json::object body;
  if (head.expires != 0) body["exp"] = head.expires;
  body["iat"] = head.issued;
  body["iss"] = issuer.public_key();
  body["jti"] = "";
  body["name"] = head.name;
  body["nats"] = std::move(claims);
  body["sub"] = head.subject;
  body["jti"] = base32(sha256(as_bytes(json::serialize(body))));
  std::string text = base64url(kHeader) + "." + base64url(json::serialize(body));
  return text + "." + base64url(as_text(issuer.sign(as_bytes(text))));
}

}  // namespace worldshare::nats
