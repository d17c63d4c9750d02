#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace worldshare::agent {

struct SceneAnalysis {
  bool ok = false;   ///< the scene was read; it may have problems all the same
  std::string json;  ///< one object; "problems" is always there: code, message, remedy, fatal
};

/// What a scene is and what stops it from rendering elsewhere: first its container, then Blender's
/// own view of it. Blocks for seconds. `scratch`: a private folder.
SceneAnalysis analyse_scene(const std::filesystem::path& blender,
                            const std::filesystem::path& scene,
                            const std::filesystem::path& scratch,
                            std::uint64_t limit_plain_bytes);

}  // namespace worldshare::agent
