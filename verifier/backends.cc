#include "verifier/backends.h"

#include "verifier/cuda/cuda_metrics.h"
#include "verifier/cuda/lpips/cuda_lpips.h"

namespace worldshare::verifier {
namespace {

Result<> open_metrics(const BackendOptions& options, Backends& out) {
  if (options.metrics != "auto" && options.metrics != "cpu" && options.metrics != "cuda")
    return fail(Errc::kInvalid, "metrics.backend: must be auto, cpu or cuda");
  if (options.metrics != "cpu") {
    auto gpu = make_cuda_metrics(
        {}, {.device = static_cast<int>(options.gpu_device), .device_bytes = options.gpu_bytes});
    if (gpu) {
      out.metrics = std::move(*gpu);
      out.memory = make_pinned_memory(options.pinned_bytes);
      return {};
    }
    if (options.metrics == "cuda") return std::unexpected(gpu.error());
  }
  out.metrics = make_cpu_metrics({});
  out.memory = std::make_unique<HeapMemory>();
  return {};
}

Result<> open_lpips(const BackendOptions& options, Backends& out) {
  if (options.lpips == "off") {
    out.lpips_status = "off";
    return {};
  }
  const auto net = parse_net(options.lpips);
  if (!net) return fail(Errc::kInvalid, "lpips.network: must be alex, squeeze or off");
  Result<std::unique_ptr<Lpips>> lpips = fail(Errc::kUnavailable, "");
  if (options.metrics != "cpu")
    lpips = make_cuda_lpips(options.lpips_models_directory, *net,
                            {.device = static_cast<int>(options.gpu_device)});
  if (!lpips) lpips = make_cpu_lpips(options.lpips_models_directory, *net);
  if (!lpips) {
    out.lpips_status = "unavailable: " + lpips.error().message;
    return {};
  }
  out.lpips = std::move(*lpips);
  out.lpips_status = out.lpips->name();
  return {};
}

}  // namespace

Result<Backends> open_backends(const BackendOptions& options) {
  Backends out;
  if (auto ok = open_metrics(options, out); !ok) return std::unexpected(ok.error());
  if (auto ok = open_lpips(options, out); !ok) return std::unexpected(ok.error());
  return out;
}

}  // namespace worldshare::verifier
