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

Result<LpipsOnDemand::Opened> open_lpips(const BackendOptions& options, Net net) {
  if (options.metrics != "cpu") {
    auto gpu = make_cuda_lpips(options.lpips_models_directory, net,
                               {.device = static_cast<int>(options.gpu_device)});
    if (gpu) return LpipsOnDemand::Opened{.lpips = std::move(*gpu)};
  }
  auto cpu = make_cpu_lpips(options.lpips_models_directory, net);
  if (!cpu) return std::unexpected(cpu.error());
  return LpipsOnDemand::Opened{std::move(*cpu), options.lpips_cpu_pixels};
}

/// The model is looked at now, so that its absence is known from the start.
Result<std::unique_ptr<LpipsOnDemand>> prepare_lpips(const BackendOptions& options) {
  if (options.lpips == "off") return std::make_unique<LpipsOnDemand>("off");
  const auto net = parse_net(options.lpips);
  if (!net) return fail(Errc::kInvalid, "lpips.network: must be alex, squeeze or off");
  const auto model = load_network(options.lpips_models_directory, *net);
  if (!model) return std::make_unique<LpipsOnDemand>("unavailable: " + model.error().message);
  return std::make_unique<LpipsOnDemand>(
      *net, [options, net = *net] { return open_lpips(options, net); });
}

}  // namespace

Result<Backends> open_backends(const BackendOptions& options) {
  Backends out;
  if (auto ok = open_metrics(options, out); !ok) return std::unexpected(ok.error());
  auto lpips = prepare_lpips(options);
  if (!lpips) return std::unexpected(lpips.error());
  out.lpips = std::move(*lpips);
  return out;
}

}  // namespace worldshare::verifier
