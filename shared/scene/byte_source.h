#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string_view>

#include "shared/result.h"

namespace worldshare::scene {

/// The unpacked bytes of a file, front to back, in constant memory. Not thread-safe.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  /// Fills `out` as far as the data goes and returns how much; less than asked only at the end.
  /// kCorrupt: the packed data is damaged or cut off. kDenied: more than the limit when unpacked.
  virtual Result<std::size_t> read(std::span<std::uint8_t> out) = 0;
  /// Passes over `count` bytes; returns how many there were.
  virtual Result<std::uint64_t> skip(std::uint64_t count);
  /// Unpacked bytes so far.
  virtual std::uint64_t position() const = 0;
  virtual std::string_view compression() const = 0;
};

/// Recognises gzip and zstd (one or several frames, skippable ones among them) by their first
/// bytes. kNotFound when the file cannot be opened, kInvalid when it is not a regular file.
Result<std::unique_ptr<ByteSource>> open_byte_source(const std::filesystem::path& path,
                                                     std::uint64_t limit_plain_bytes);

}  // namespace worldshare::scene
