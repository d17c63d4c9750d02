#pragma once

#include "shared/blobs/backend.h"

namespace worldshare::blobs {

/// Blobs in a directory: <root>/<first 2 hex digits>/<sha256>. The gateway hands them out.
class DirectoryBackend final : public Backend {
 public:
  static Result<std::shared_ptr<const Backend>> open(const std::filesystem::path& root);

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
  std::optional<Grant> grant_get(const std::string&, std::chrono::seconds) const override {
    return std::nullopt;
  }
  std::optional<Grant> grant_put(const std::string&,
                                 std::uint64_t,
                                 const std::string&,
                                 std::chrono::seconds) const override {
    return std::nullopt;
  }
  Result<> admit(const std::string& sha256,
                 std::uint64_t size_bytes,
                 const std::string& lease) const override;

 private:
  explicit DirectoryBackend(std::filesystem::path root) : root_(std::move(root)) {}
  std::filesystem::path path(const std::string& sha256) const;
  const std::filesystem::path root_;
};

}  // namespace worldshare::blobs
