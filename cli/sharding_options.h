#pragma once

#include <CLI/CLI.hpp>

#include "manifest_types.h"

namespace worldshare::cli {

/// How frames become units, as the artist wants it; what is not given stays as the analysis says.
class ShardingOptions {
 public:
  void add_to(CLI::App& command);
  /// The manifest has its sharding from the scene's analysis.
  void apply(wire::ManifestT& manifest) const;

 private:
  wire::ShardMode mode_ = wire::ShardMode::automatic;
  unsigned unit_seconds_ = 300;
  unsigned max_frames_ = 1;
  float frame_seconds_ = 0;
};

}  // namespace worldshare::cli
