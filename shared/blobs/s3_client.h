#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "shared/blobs/aws_signature.h"
#include "shared/blobs/backend.h"
#include "shared/bytes.h"
#include "shared/http/client.h"
#include "shared/result.h"

namespace worldshare::blobs {

struct S3Options {
  std::string endpoint;         ///< http[s]://host[:port]
  std::string public_endpoint;  ///< how agents and artists reach it; empty: as we do
  std::string bucket;
  AwsIdentity identity;
  http::ClientOptions web;
};

/// The calls of an S3-compatible store that a blob store needs, on one bucket with path-style
/// addresses. What passes by itself is tried three times. Blocking; immutable, so thread-safe.
///
/// Errors: kNotFound; kUnavailable, kTimeout; kConflict: a precondition did not hold; kDenied: the
/// credentials, and kInvalid: the bucket or something else that a person has to change.
class S3Client {
 public:
  explicit S3Client(S3Options options) : options_(std::move(options)) {}

  /// Makes the bucket, if it is not there. kDenied: this key may not.
  Result<> ensure_bucket() const;

  struct Object {
    std::string key;
    std::uint64_t size_bytes = 0;
    std::string etag;  ///< with its quotes
    Clock::TimePoint stored_at;
  };
  Result<Object> head(const std::string& key) const;
  /// Into a file, more than `limit_bytes` is kInvalid; its ETag.
  Result<std::string> get_file(const std::string& key,
                               const std::filesystem::path& file,
                               std::uint64_t limit_bytes) const;
  Result<> put(const std::string& key, ByteView bytes) const;
  /// Within the bucket, if the source still has this ETag; the new object's.
  Result<std::string> copy(const std::string& from,
                           const std::string& to,
                           const std::string& etag) const;
  /// Nothing happens when it is not there.
  Result<> remove(const std::string& key) const;
  /// Keys that begin with `prefix` and come behind `after`, in their order; at most 1000.
  Result<std::vector<Object>> list(const std::string& prefix,
                                   const std::string& after,
                                   std::size_t limit) const;

  /// A multipart upload: its id, the ETag of each part (from 1 on), and how it ends.
  Result<std::string> begin_parts(const std::string& key) const;
  Result<std::string> put_part(const std::string& key,
                               const std::string& upload,
                               std::size_t number,
                               ByteView bytes) const;
  Result<> end_parts(const std::string& key,
                     const std::string& upload,
                     const std::vector<std::string>& etags) const;
  Result<> drop_parts(const std::string& key, const std::string& upload) const;
  struct OpenUpload {
    std::string key;
    std::string upload;
    Clock::TimePoint begun_at;
  };
  /// Up to 1000 that nobody ended.
  Result<std::vector<OpenUpload>> open_uploads(const std::string& prefix) const;

  /// URLs for others, at public_endpoint. A PUT is good for these bytes only: size and hash are
  /// signed; whether the store hashes what comes is its business.
  Grant grant_get(const std::string& key, std::chrono::seconds lifetime) const;
  Grant grant_put(const std::string& key,
                  std::uint64_t size_bytes,
                  const std::string& sha256,
                  std::chrono::seconds lifetime) const;

 private:
  struct Call {
    std::string method;
    std::string key;  ///< empty: the bucket itself
    std::map<std::string, std::string> query{};
    std::map<std::string, std::string> headers{};
    ByteView body{};
    const std::filesystem::path* save_to = nullptr;
    std::uint64_t limit_bytes = 0;
  };
  std::string path(const std::string& key) const;
  Result<http::Response> call(const Call& call) const;
  Result<http::Response> call_once(const Call& call) const;
  Error to_error(const Call& call, const http::Response& response) const;
  const std::string& public_base() const;
  AwsRequest public_request(const std::string& method, const std::string& key) const;

  const S3Options options_;
};

}  // namespace worldshare::blobs
