#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "shared/blobs/store.h"
#include "shared/result.h"
#include "shared/yaml_fields.h"

namespace worldshare::blobs {

/// Which store a service uses: the keys "blobs.*" of its YAML.
struct StoreSettings {
  /// The blobs; with an object store only copies of them and uploads that are not finished.
  std::filesystem::path directory = "blobs";
  std::string s3_endpoint;         ///< http[s]://host[:port]; empty: the blobs lie in `directory`
  std::string s3_public_endpoint;  ///< how agents and artists reach it; empty: as we do
  std::string s3_bucket;
  std::string s3_prefix;  ///< of all keys; empty or ends with '/'
  std::string s3_region = "us-east-1";
  /// YAML with access_key and secret_key, mode 0600.
  std::filesystem::path s3_credentials_file;
  std::filesystem::path s3_ca_file;  ///< whom to trust with https://; empty: the system's
  bool s3_allow_plain = false;       ///< http:// to another machine
  std::uint64_t s3_copies_bytes = 20ULL << 30;  ///< kept in `directory` of what was read
  std::uint64_t s3_part_bytes = 16ULL << 20;    ///< of uploads in parts

  bool is_s3() const { return !s3_endpoint.empty(); }
  void add_to(YamlFields& fields);
  /// kInvalid names the key.
  Result<> check() const;
  /// Makes the bucket, if it is not there; a directory makes itself. Errors as open().
  Result<> provision() const;
  /// kInvalid and kDenied name the key; kUnavailable when the store does not answer.
  Result<Store> open() const;
};

}  // namespace worldshare::blobs
