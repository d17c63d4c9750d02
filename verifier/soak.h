#pragma once

#include <cstddef>
#include <filesystem>

#include "shared/result.h"
#include "verifier/backends.h"

namespace worldshare::verifier {

struct SoakOptions {
  std::filesystem::path files;  ///< a folder of images, valid or not
  std::size_t threads = 0;      ///< 0: one for each processor
  double seconds = 600;
};

/// Whether the verifier's memory stays flat whatever arrives: the files of the folder, damaged
/// copies of them, and 1080p pictures go through what the trust engine does with artifacts, pair by
/// pair, as fast as it goes. Prints the resident memory every tenth of the time, and one JSON
/// object at the end. kInternal: memory grew in the second half, or a pair took longer than 30 s.
Result<> run_soak(const SoakOptions& options, const BackendOptions& backends);

}  // namespace worldshare::verifier
