#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "shared/result.h"
#include "verifier/image/picture_memory.h"
#include "verifier/lpips_on_demand.h"
#include "verifier/metrics/metrics.h"

namespace worldshare::verifier {

/// What compares pictures on this machine.
struct BackendOptions {
  std::string metrics = "auto";  ///< auto, cpu or cuda; auto takes a GPU when there is one
  std::uint32_t gpu_device = 0;
  std::uint64_t gpu_bytes = 2ULL << 30;     ///< device memory for pictures
  std::uint64_t pinned_bytes = 4ULL << 30;  ///< page-locked memory that pictures are decoded to
  std::string lpips = "alex";               ///< alex, squeeze or off
  std::filesystem::path lpips_models_directory = "/usr/share/worldshare/models";
  std::uint64_t lpips_cpu_pixels = 4ULL << 20;  ///< without a GPU, larger pictures have no LPIPS
};

/// The members are named in the order in which they may go: pictures live in `memory`.
struct Backends {
  std::unique_ptr<PictureMemory> memory;
  std::unique_ptr<Metrics> metrics;
  std::unique_ptr<LpipsOnDemand> lpips;
};

/// kInvalid names a wrong option; kUnavailable: "cuda" is asked for and there is no GPU for it.
/// Models that are missing or damaged only leave LPIPS out.
Result<Backends> open_backends(const BackendOptions& options);

}  // namespace worldshare::verifier
