#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "shared/http/server.h"
#include "shared/result.h"

namespace worldshare::dispatcher {

/// The dashboard's built files. What was in the folder at the start is served, and nothing else.
/// Immutable, thread-safe.
class StaticFiles {
 public:
  /// kNotFound when there is no index.html in the folder. An empty path: no files.
  static Result<StaticFiles> open(const std::filesystem::path& folder);

  /// Nothing when there is no such file. "/" is index.html.
  std::optional<http::Reply> reply(const http::Request& request) const;
  bool empty() const { return files_.empty(); }

 private:
  struct File {
    std::string content;
    std::string gzipped;  ///< empty where it would not be shorter
    std::string type;
    std::string tag;
  };
  std::map<std::string, File, std::less<>> files_;  ///< by path, "/assets/index.js"
};

}  // namespace worldshare::dispatcher
