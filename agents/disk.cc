#include "agents/disk.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

namespace worldshare::agent {

std::uint64_t lacking_disk_bytes(const Config& config) {
  std::error_code error;
  const auto space = std::filesystem::space(config.state_folder, error);
  if (error || space.available >= config.free_bytes) return 0;
  return config.free_bytes - space.available;
}

std::uint64_t usable_disk_bytes(const Config& config) {
  std::error_code error;
  const auto space = std::filesystem::space(config.state_folder, error);
  if (error) return std::numeric_limits<std::uint64_t>::max();
  return space.available - std::min<std::uint64_t>(space.available, config.free_bytes);
}

std::string disk_objection(const Config& config) {
  if (lacking_disk_bytes(config) == 0) return {};
  return fmt::format("less than {} MiB are free in {}; free some space, or lower limits.free_bytes",
                     config.free_bytes >> 20, config.state_folder.string());
}

}  // namespace worldshare::agent
