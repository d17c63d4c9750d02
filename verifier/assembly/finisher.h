#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <stop_token>

#include "manifest_types.h"
#include "shared/bytes.h"
#include "shared/result.h"

namespace worldshare::verifier {

struct FinisherOptions {
  /// The agent's program: it knows Blender. Run with --finish, it needs no broker and no key.
  std::filesystem::path agent_program = "worldshare-agent";
  std::filesystem::path
      agent_config;  ///< its YAML, for Blender's path and the sandbox; may be empty
  std::chrono::minutes time_limit{30};       ///< of one frame
  std::uint64_t image_bytes = 512ULL << 20;  ///< largest image file
};

struct FinishOrder {
  std::filesystem::path scene;    ///< the job's .blend
  std::filesystem::path picture;  ///< write_float_file() of the assembled frame
  std::filesystem::path scratch;  ///< a private folder
  std::int32_t frame = 0;
  wire::OutputT output;
};

/// The artist's image of an assembled picture: what a local render of the frame would have written,
/// made by Blender on this machine. Canonical, and of the size and format of the order. Blocks for
/// seconds, until `stop` at the latest. kInvalid: the scene is at fault and will be again;
/// kInternal: Blender or the program crashed or took too long, and may again; kUnavailable: try
/// later; kNotFound: no such program.
Result<Bytes> finish(const FinisherOptions& options,
                     const FinishOrder& order,
                     const std::stop_token& stop = {});

}  // namespace worldshare::verifier
