#pragma once

#include <chrono>
#include <map>
#include <string>
#include <string_view>

#include "shared/bytes.h"
#include "shared/clock.h"

namespace worldshare::blobs {

/// Whose signature it is, and for which region of an S3-compatible store.
struct AwsIdentity {
  std::string access_key;
  std::string secret_key;
  std::string region = "us-east-1";
};

/// What of a request is signed.
struct AwsRequest {
  std::string method;                          ///< "GET"
  std::string path;                            ///< decoded, begins with '/'
  std::map<std::string, std::string> query{};  ///< decoded
  /// Lower-case names, values without spaces around them; "host" must be there.
  std::map<std::string, std::string> headers{};
  /// Hex SHA-256 of the body, or kUnsignedPayload.
  std::string payload_sha256;
};

inline constexpr const char* kUnsignedPayload = "UNSIGNED-PAYLOAD";

/// AWS Signature Version 4 for the service "s3" ("Authenticating Requests", Amazon S3 API
/// Reference). Both functions sign all headers of `request`, and the caller sends those and no
/// other value of them.

/// The headers to send beside those of `request`: "authorization", "x-amz-content-sha256",
/// "x-amz-date".
std::map<std::string, std::string> sign_headers(const AwsIdentity& identity,
                                                AwsRequest request,
                                                Clock::TimePoint now);

/// The path and query of a URL that is good for `lifetime` (at most a week) from `now` on, for whom
/// sends the headers of `request`.
std::string presign(const AwsIdentity& identity,
                    AwsRequest request,
                    Clock::TimePoint now,
                    std::chrono::seconds lifetime);

/// RFC 3986 with AWS' choices: everything but letters, digits and "-._~" is escaped; '/' too,
/// unless it is a path.
std::string uri_escape(std::string_view text, bool is_path);
/// "a=1&b=2" in the order of the names, escaped.
std::string query_text(const std::map<std::string, std::string>& query);

}  // namespace worldshare::blobs
