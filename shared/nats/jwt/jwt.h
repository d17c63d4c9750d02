#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <string>

#include "shared/nats/jwt/signing_key.h"

/// Private to shared/nats.
namespace worldshare::nats {

/// What every JWT of NATS says (nats-io/nats-architecture-and-design, ADR-14). Times are unix
/// seconds.
struct JwtHead {
  std::string subject;  ///< the nkey that it is about
  std::string name;     ///< for people
  std::int64_t issued = 0;
  std::int64_t expires = 0;  ///< 0: never
};

/// The text that the broker takes: `claims` is its "nats" object. The same arguments give the same
/// text.
std::string make_jwt(const JwtHead& head, boost::json::object claims, const SigningKey& issuer);

}  // namespace worldshare::nats
