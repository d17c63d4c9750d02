#pragma once

#include <filesystem>

#include "shared/bytes.h"
#include "shared/result.h"

namespace worldshare::verifier {

/// A whole file, mapped read-only. The bytes live as long as the object. Nobody may shorten the
/// file meanwhile: reading beyond its end stops the process.
class MappedFile {
 public:
  /// kNotFound when there is no such file; kInvalid when it is no regular file, cannot be read or
  /// is larger than `limit_bytes`.
  static Result<MappedFile> open(const std::filesystem::path& path, std::size_t limit_bytes);
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  ~MappedFile();

  ByteView bytes() const { return bytes_; }

 private:
  explicit MappedFile(ByteView bytes) : bytes_(bytes) {}
  ByteView bytes_;
};

}  // namespace worldshare::verifier
