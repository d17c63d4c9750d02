#pragma once

#include <cstdint>
#include <filesystem>

namespace worldshare::testing {

/// A new folder below /tmp, readable by everybody, removed with everything in it at the end.
class TempFolder {
 public:
  TempFolder();
  ~TempFolder();
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// A loopback port that nobody listened on a moment ago.
std::uint16_t free_port();

}  // namespace worldshare::testing
