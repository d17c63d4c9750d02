#pragma once

#include <filesystem>

#include "shared/ids.h"

namespace worldshare::agent {

/// A temporary folder of one call alone; removed with this object. Blender makes it.
struct Scratch {
  std::filesystem::path path = std::filesystem::temp_directory_path() / ("worldshare-" + new_id());
  Scratch() = default;
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
};

}  // namespace worldshare::agent
