#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "shared/blobs/store.h"
#include "shared/clock.h"
#include "shared/result.h"

namespace worldshare::blobs {

enum class Access : std::uint8_t { kGet, kPut };

/// Makes and checks URLs that grant one access to one blob until a moment, and for an upload of one
/// size. The signature is HMAC-SHA-256 over method, hash, size and expiry. Immutable, thread-safe.
class UrlSigner {
 public:
  /// `secret`: at least 32 bytes. `base`: "http://host:port" without a trailing slash.
  UrlSigner(std::string secret, std::string base);

  std::string sign(Access access,
                   const std::string& sha256,
                   std::uint64_t size_bytes,
                   Clock::TimePoint expires) const;

  struct Grant {
    std::uint64_t size_bytes = 0;
  };
  /// `query` is the part behind '?'. kDenied: no or wrong signature, expired.
  Result<Grant> check(Access access,
                      const std::string& sha256,
                      std::string_view query,
                      Clock::TimePoint now) const;

 private:
  std::string mac(Access access,
                  const std::string& sha256,
                  std::uint64_t size_bytes,
                  std::uint64_t expires_ms) const;
  std::string secret_;
  std::string base_;
};

/// A URL to read a blob for `lifetime` from `now` on: at the store itself where it hands out bytes,
/// else at the gateway, by `signer`.
std::string url_to_get(const Store& store,
                       const UrlSigner& signer,
                       const std::string& sha256,
                       std::uint64_t size_bytes,
                       Clock::TimePoint now,
                       std::chrono::milliseconds lifetime);

}  // namespace worldshare::blobs
