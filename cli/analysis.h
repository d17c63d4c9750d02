#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "shared/messages/messages.h"
#include "shared/result.h"

namespace worldshare::cli {

struct SceneProblem {
  std::string code;
  std::string message;
  std::string remedy;
  bool fatal = false;
};

/// What a local Blender says of a scene, through `worldshare-agent --analyse`.
struct Analysis {
  std::string blender;  ///< of this machine
  std::string engine;
  std::string format;
  std::string file_version;
  std::uint32_t width = 0;
  std::uint32_t height = 0;
  std::int32_t frame_start = 1;
  std::int32_t frame_end = 1;
  std::uint32_t samples = 0;                  ///< per pixel
  bool adaptive = false;                      ///< sampling
  std::vector<std::string> whole_frames;      ///< what forbids rendering a frame in parts
  std::vector<std::string> features;          ///< that the scene needs
  std::vector<std::string> blender_features;  ///< that this machine has
  std::vector<SceneProblem> problems;
};

/// kNotFound: no agent program or no Blender; kInvalid: the file cannot be opened, with the reason
/// and the remedy.
Result<Analysis> analyse(const std::filesystem::path& agent_program,
                         const std::filesystem::path& scene,
                         const std::filesystem::path& blender = "blender");

struct FrameChoice {
  std::int32_t first = 1;
  std::int32_t last = 1;
  std::int32_t step = 1;
};
/// "7", "1-250" or "1-250x5". kInvalid names what is wrong.
Result<FrameChoice> parse_frames(const std::string& text);

/// The manifest for these frames of this scene. kInvalid lists the fatal problems with their
/// remedies.
Result<wire::ManifestT> make_manifest(const std::filesystem::path& scene,
                                      const Analysis& analysis,
                                      const FrameChoice& frames,
                                      unsigned replicas,
                                      unsigned max_replicas);

}  // namespace worldshare::cli
