#include "shared/nats/jwt/jwt_summary.h"

#include <boost/json.hpp>

#include "shared/crypto.h"

namespace worldshare::nats {
namespace {

namespace json = boost::json;

std::optional<std::string> from_base64url(std::string_view text) {
  std::string padded(text);
  for (char& c : padded) c = c == '-' ? '+' : c == '_' ? '/' : c;
  while (padded.size() % 4 != 0) padded += '=';
  return from_base64(padded);
}

std::string text_of(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  return value != nullptr && value->is_string() ? std::string(value->as_string()) : std::string();
}

std::int64_t integer(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  return value != nullptr && value->is_int64() ? value->as_int64() : 0;
}

}  // namespace

std::optional<JwtSummary> read_jwt(std::string_view text) {
  const auto begin = text.find('.');
  const auto end = text.rfind('.');
  if (begin == std::string_view::npos || end <= begin) return std::nullopt;
  const auto body = from_base64url(text.substr(begin + 1, end - begin - 1));
  if (!body) return std::nullopt;
  boost::system::error_code error;
  const json::value value = json::parse(*body, error);
  if (error || !value.is_object()) return std::nullopt;
  const auto& object = value.as_object();
  JwtSummary out{text_of(object, "sub"), text_of(object, "iss"), integer(object, "iat"),
                 integer(object, "exp")};
  if (out.subject.empty() || out.issuer.empty()) return std::nullopt;
  return out;
}

}  // namespace worldshare::nats
