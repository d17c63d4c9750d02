#pragma once

#include "shared/blobs/backend.h"
#include "shared/blobs/local_copies.h"
#include "shared/blobs/s3_client.h"

namespace worldshare::blobs {

/// Blobs in a bucket of an S3-compatible store:
///   <prefix>blobs/<sha256>     blobs, written by us and by nobody else
///   <prefix>incoming/<lease>   what an agent handed in by grant_put(), no blob yet
/// What is read here is copied to a local folder first, and hashed as it comes. What a person has
/// to change (credentials, the bucket) is kUnavailable for those who read and write blobs: it says
/// nothing of the blob.
class S3Backend final : public Backend {
 public:
  struct Options {
    S3Options store;
    std::string prefix;            ///< of all keys; empty or ends with '/'
    std::filesystem::path folder;  ///< of local copies
    std::uint64_t copies_bytes = 20ULL << 30;
    std::size_t part_bytes = 16U << 20;  ///< of multipart uploads; what is smaller goes at once
  };
  /// Looks into the bucket, so that wrong settings are known at once: kDenied, kInvalid,
  /// kUnavailable.
  static Result<std::shared_ptr<const Backend>> open(const Options& options);

  Result<std::uint64_t> size(const std::string& sha256) const override;
  Result<Listed> stat(const std::string& sha256) const override;
  Result<ByteView> load(const std::string& sha256,
                        std::uint64_t limit_bytes,
                        Bytes& storage) const override;
  Result<std::filesystem::path> file(const std::string& sha256) const override;
  Result<std::unique_ptr<Sink>> begin(const std::string& sha256,
                                      std::uint64_t size_bytes) const override;
  Result<> adopt(const std::string& sha256, const std::filesystem::path& file) const override;
  Result<> remove(const std::string& sha256) const override;
  Result<std::vector<Listed>> list(const std::string& after, std::size_t limit) const override;
  Result<std::uint64_t> drop_leftovers(Clock::TimePoint before) const override;
  std::string trouble() const override;
  std::optional<Grant> grant_get(const std::string& sha256,
                                 std::chrono::seconds lifetime) const override;
  std::optional<Grant> grant_put(const std::string& sha256,
                                 std::uint64_t size_bytes,
                                 const std::string& lease,
                                 std::chrono::seconds lifetime) const override;
  Result<> admit(const std::string& sha256,
                 std::uint64_t size_bytes,
                 const std::string& lease) const override;

 private:
  S3Backend(const Options& options, std::unique_ptr<LocalCopies> copies);
  std::string key(const std::string& sha256) const;
  std::string incoming_key(const std::string& lease) const;
  Result<std::filesystem::path> copy_of(const std::string& sha256, std::uint64_t limit_bytes) const;
  Result<> take(const std::string& sha256, std::uint64_t size_bytes, const std::string& from) const;

  const Options options_;
  const S3Client client_;
  const std::unique_ptr<LocalCopies> copies_;  ///< a cache: changes behind const
};

}  // namespace worldshare::blobs
