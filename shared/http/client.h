#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <stop_token>
#include <string>

#include "shared/bytes.h"
#include "shared/http/rate_limit.h"
#include "shared/result.h"

namespace worldshare::http {

struct Response {
  unsigned status = 0;
  std::map<std::string, std::string> headers;  ///< lower-case names
  std::string body;
};

struct ClientOptions {
  std::string bearer_token;                   ///< sent as "Authorization: Bearer ..." unless empty
  std::chrono::milliseconds timeout{30'000};  ///< without any byte moving
  std::size_t limit_bytes = 64U << 20;        ///< of a body held in memory
  std::filesystem::path
      ca_file;              ///< whom to trust with https, PEM; empty: the system's authorities
  bool allow_plain = true;  ///< false: http only to this machine itself
  std::shared_ptr<RateLimit> download;  ///< of bodies, shared with other calls; null: none
  std::shared_ptr<RateLimit> upload;
  std::stop_token stop;  ///< ends a transfer between two pieces, as kUnavailable
};

/// An HTTP/1.1 client, one connection per call, blocking. `url`: http[s]://host:port/path?query.
/// Errors: kInvalid (URL), kUnavailable (cannot connect, cut off), kTimeout, kDenied (the server's
/// certificate; the message says what to do). An HTTP error status is not an Error here:
/// expect_ok() makes it one.
Result<Response> get(const std::string& url, const ClientOptions& options = {});
Result<Response> post(const std::string& url,
                      const std::string& content_type,
                      const std::string& body,
                      const ClientOptions& options = {},
                      const std::map<std::string, std::string>& headers = {});
Result<Response> put(const std::string& url,
                     ByteView body,
                     const ClientOptions& options = {},
                     const std::map<std::string, std::string>& headers = {});
/// DELETE.
Result<Response> remove(const std::string& url, const ClientOptions& options = {});
/// Streams a file as the body.
Result<Response> put_file(const std::string& url,
                          const std::filesystem::path& file,
                          const ClientOptions& options = {});
/// PATCH of bytes, with further headers.
Result<Response> patch(const std::string& url,
                       const std::string& content_type,
                       std::string body,
                       const ClientOptions& options,
                       const std::map<std::string, std::string>& headers);
/// Any method, with the headers and the body as they are given; of HEAD the answer has no body.
Result<Response> send(const std::string& method,
                      const std::string& url,
                      const std::map<std::string, std::string>& headers,
                      ByteView body,
                      const ClientOptions& options);
/// Streams the body into `file` (created or truncated); more than `limit_bytes` is kInvalid. The
/// response's body is then empty, but for an error status it holds the problem text and no file is
/// made. One redirect (302, 303, 307) is followed; token and headers do not go
/// with it to another server.
Result<Response> get_file(const std::string& url,
                          const std::filesystem::path& file,
                          std::uint64_t limit_bytes,
                          const ClientOptions& options = {},
                          const std::map<std::string, std::string>& headers = {});

/// 2xx passes; 404 → kNotFound, 401/403 → kDenied, 409 → kConflict, 408/429/5xx → kUnavailable,
/// other → kInvalid, with the problem's detail as message.
Result<Response> expect_ok(Result<Response> response);

}  // namespace worldshare::http
