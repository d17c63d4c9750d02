#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace worldshare::nats {

/// What a JWT says of itself. Its signature is not looked at: that is for the broker.
struct JwtSummary {
  std::string subject;
  std::string issuer;
  std::int64_t issued = 0;
  std::int64_t expires = 0;
};
/// Nothing when `text` is no JWT.
std::optional<JwtSummary> read_jwt(std::string_view text);

}  // namespace worldshare::nats
