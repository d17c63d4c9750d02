#pragma once

#include <spdlog/spdlog.h>

#include <filesystem>

#include "agents/sandbox/foreign_tree.h"
#include "shared/ids.h"

namespace worldshare::agent {

/// A temporary folder of one call alone; removed with this object. Blender makes it.
struct Scratch {
  std::filesystem::path path = std::filesystem::temp_directory_path() / ("worldshare-" + new_id());
  Scratch() = default;
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() {
    if (auto gone = remove_tree(path); !gone) spdlog::warn("{}", gone.error().message);
  }
};

}  // namespace worldshare::agent
