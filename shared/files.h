#pragma once

#include <sys/types.h>

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

#include "shared/result.h"

namespace worldshare {

/// The whole file; kInvalid when it is larger than `limit_bytes`.
Result<std::string> read_file(const std::filesystem::path& path, std::size_t limit_bytes);

/// kDenied when others than its owner may read or write the file: it holds a secret. kNotFound.
Result<> check_private(const std::filesystem::path& path);

/// Writes beside the target and renames, so that a reader sees the old or the new bytes, never a
/// part.
Result<> write_file_atomically(const std::filesystem::path& path,
                               std::string_view bytes,
                               mode_t mode = 0644);

}  // namespace worldshare
