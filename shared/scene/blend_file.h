#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "shared/result.h"

namespace worldshare::scene {

/// What a .blend file says of itself, without Blender.
struct BlendFile {
  std::string version;            ///< "3.4": the Blender that wrote it
  std::string compression;        ///< "none", "gzip", "zstd"
  std::uint64_t size_bytes = 0;   ///< as stored
  std::uint64_t plain_bytes = 0;  ///< uncompressed
};

/// Walks the file's blocks to the end mark, decompressing as a stream with constant memory.
/// kNotFound: no such file. kInvalid: not a .blend, with what it seems to be. kCorrupt: truncated
/// or damaged, with the offset. kDenied: more than `limit_plain_bytes` when unpacked.
Result<BlendFile> check_blend_file(const std::filesystem::path& path,
                                   std::uint64_t limit_plain_bytes);

}  // namespace worldshare::scene
