#pragma once

#include <cstdint>
#include <filesystem>

#include "agents/blender/blender_worker.h"
#include "shared/bytes.h"
#include "shared/result.h"

namespace worldshare::agent {

/// The rendered image as it is handed in: canonical, and checked against what was asked for.
/// `image` is an absolute path without links; none is followed, and no device is read. kCorrupt:
/// not an image, or not the one asked for; kInvalid: larger than `limit_bytes`.
Result<Bytes> read_artifact(const std::filesystem::path& image,
                            const RenderRequest& request,
                            std::uint64_t limit_bytes);

}  // namespace worldshare::agent
