#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/temp_folder.h"

namespace worldshare::testing {

/// A certificate authority in a temporary folder, and certificates of it for whatever a test needs.
class Authority {
 public:
  Authority();
  ~Authority();
  Authority(const Authority&) = delete;
  Authority& operator=(const Authority&) = delete;

  /// Its own certificate, PEM.
  std::filesystem::path certificate() const { return folder_.path() / "ca.pem"; }

  struct Issued {
    std::filesystem::path certificate;
    std::filesystem::path key;        ///< mode 0600
    std::filesystem::path authority;  ///< who trusts this, trusts it
  };
  /// For these names ("DNS:localhost", "IP:127.0.0.1"), good from `from` to `until`, both counted
  /// from now.
  Issued issue(const std::string& names,
               std::chrono::seconds from = -std::chrono::hours(1),
               std::chrono::seconds until = std::chrono::hours(1));

 private:
  struct Impl;
  TempFolder folder_;
  std::unique_ptr<Impl> impl_;
  int issued_ = 0;
};

inline constexpr const char* kLoopbackNames = "DNS:localhost,IP:127.0.0.1";

}  // namespace worldshare::testing
