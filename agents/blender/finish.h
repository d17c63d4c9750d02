#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "agents/blender/blender_worker.h"
#include "shared/bytes.h"
#include "shared/result.h"

namespace worldshare::agent {

struct FinishOrder {
  std::filesystem::path scene;
  std::filesystem::path picture;  ///< float OpenEXR of the whole frame, scene linear
  std::int32_t frame = 0;
  std::string format = "png";  ///< what the scene must have: "png", "jpeg" or "exr"
};

/// The image, canonical, that a local render of the frame would have written: the compositor, the
/// view transform, the dither and the format of the scene over a picture that was assembled from
/// parts. Nothing is rendered. Blocks for seconds. kInvalid: the order or the scene is at fault,
/// and will be again; kInternal: Blender crashed or took too long; kUnavailable: Blender or the
/// disk.
Result<Bytes> finish_frame(const BlenderOptions& options,
                           const FinishOrder& order,
                           std::uint64_t limit_bytes);

}  // namespace worldshare::agent
