#pragma once

#include <filesystem>
#include <memory>

#include "verifier/lpips/lpips.h"

namespace worldshare::verifier {

struct CudaLpipsOptions {
  int device = 0;
  /// For features; see DeviceLpips. Two pictures of 1080p take 127 MiB (alex) or 379 MiB (squeeze).
  std::size_t workspace_bytes = std::size_t{1} << 30;
};

/// On a Hopper GPU. Pictures are copied there first, into memory that grows to the largest ones.
/// Errors are those of load_network(), or kUnavailable without such a GPU.
Result<std::unique_ptr<Lpips>> make_cuda_lpips(const std::filesystem::path& models_directory,
                                               Net net,
                                               const CudaLpipsOptions& options);

}  // namespace worldshare::verifier
