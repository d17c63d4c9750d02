#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "shared/blobs/s3_client.h"
#include "shared/blobs/store_settings.h"
#include "shared/process.h"
#include "tests/support/temp_folder.h"

namespace worldshare::testing {

/// A real S3 server (tests/s3) on a free port of this machine, with one empty bucket.
class S3Server {
 public:
  /// `hashes`: it refuses bytes that are not those of x-amz-content-sha256, like Amazon S3.
  explicit S3Server(bool hashes = false);

  std::string endpoint() const { return "http://127.0.0.1:" + std::to_string(port_); }
  /// For a service whose local copies lie in `folder`.
  blobs::StoreSettings settings(const std::filesystem::path& folder) const;
  /// The same as the lines of a YAML file below "blobs:".
  std::string yaml() const;
  /// With the right credentials, for looks behind the store's back.
  blobs::S3Client client() const;
  std::filesystem::path credentials_file() const { return folder_.path() / "credentials.yaml"; }

  void kill();
  /// With what it held.
  void restart();

  static constexpr const char* kBucket = "blobs";
  static constexpr const char* kAccessKey = "AKIDOFTHETESTS";
  static constexpr const char* kSecretKey = "secret/of+the=tests";

 private:
  TempFolder folder_;
  const bool hashes_;
  const std::uint16_t port_;
  std::optional<Process> process_;
};

}  // namespace worldshare::testing
