#include "shared/find_program.h"

#include <unistd.h>

#include <cstdlib>
#include <sstream>
#include <string>

namespace worldshare {

Result<std::filesystem::path> find_program(const std::filesystem::path& program) {
  std::error_code error;
  if (program.has_parent_path()) {
    auto resolved = std::filesystem::canonical(program, error);
    if (error) return fail(Errc::kNotFound, "no such program: " + program.string());
    return resolved;
  }
  const char* path = std::getenv("PATH");
  std::istringstream folders(std::string(path != nullptr ? path : "/usr/bin:/bin") +
                             ":/usr/sbin:/sbin");
  for (std::string folder; std::getline(folders, folder, ':');) {
    const auto candidate = std::filesystem::path(folder) / program;
    if (::access(candidate.c_str(), X_OK) == 0) return std::filesystem::canonical(candidate, error);
  }
  return fail(Errc::kNotFound, "no such program in PATH: " + program.string());
}

}  // namespace worldshare
