#pragma once

#include <cstdint>
#include <filesystem>

#include "shared/bytes.h"
#include "shared/result.h"

namespace worldshare::blobs {

/// A file's bytes, in `storage`, which grows as needed and may be used again. kNotFound,
/// kUnavailable, kInvalid when it is larger than `limit_bytes`.
Result<ByteView> file_bytes(const std::filesystem::path& file,
                            std::uint64_t limit_bytes,
                            Bytes& storage);

}  // namespace worldshare::blobs
