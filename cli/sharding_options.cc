#include "cli/sharding_options.h"

#include <map>
#include <memory>

#include "shared/messages/shard.h"

namespace worldshare::cli {

void ShardingOptions::add_to(CLI::App& command) {
  const std::map<std::string, wire::ShardMode> modes = {{"automatic", wire::ShardMode::automatic},
                                                        {"frames", wire::ShardMode::frames},
                                                        {"tiles", wire::ShardMode::tiles},
                                                        {"samples", wire::ShardMode::samples}};
  command
      .add_option("--divide", mode_,
                  "what long frames are divided into: automatic, frames (never), tiles, samples")
      ->transform(CLI::CheckedTransformer(modes));
  command.add_option("--unit-seconds", unit_seconds_, "what one unit of work should take")
      ->check(CLI::Range(10, 86'400))
      ->capture_default_str();
  command
      .add_option("--frames-a-unit", max_frames_,
                  "how many short frames one unit of work may hold; their agents must know how")
      ->check(CLI::Range(1U, messages::kMaxShardFrames))
      ->capture_default_str();
  command
      .add_option("--frame-seconds", frame_seconds_,
                  "what a frame takes to render, where it is known; observed otherwise")
      ->check(CLI::Range(0.0, 1e6));
}

void ShardingOptions::apply(wire::ManifestT& manifest) const {
  manifest.sharding->mode = mode_;
  manifest.sharding->unit_seconds = unit_seconds_;
  manifest.sharding->max_frames = max_frames_;
  if (frame_seconds_ <= 0) return;
  manifest.estimate = std::make_unique<wire::EstimateT>();
  manifest.estimate->seconds_per_frame = frame_seconds_;
}

}  // namespace worldshare::cli
