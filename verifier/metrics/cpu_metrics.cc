#include "verifier/metrics/cpu_metrics.h"

#include <fmt/format.h>

#include "verifier/metrics/differences.h"
#include "verifier/metrics/replicas.h"
#include "verifier/metrics/structure.h"

namespace worldshare::verifier {
namespace {

class CpuMetrics final : public Metrics {
 public:
  CpuMetrics(const MetricsOptions& options, const kernels::Kernels& kernels)
      : options_(options), kernels_(kernels), name_(fmt::format("cpu {}", kernels.name)) {}

  Result<std::vector<PairMetrics>> measure(std::span<const Picture> replicas) override {
    const auto all = view_replicas(replicas, options_.coding);
    if (!all) return std::unexpected(all.error());
    const Differences differences(kernels_, *all);
    auto out = differences.figures();
    const auto ssim = mean_ssim(kernels_, *all, options_.ssim_reflect, differences.spread());
    for (std::size_t pair = 0; pair < out.size(); ++pair) out[pair].ssim = ssim[pair];
    return out;
  }
  std::string_view name() const override { return name_; }

 private:
  const MetricsOptions options_;
  const kernels::Kernels& kernels_;
  const std::string name_;
};

}  // namespace

std::unique_ptr<Metrics> make_cpu_metrics(const MetricsOptions& options,
                                          const kernels::Kernels& kernels) {
  return std::make_unique<CpuMetrics>(options, kernels);
}

std::unique_ptr<Metrics> make_cpu_metrics(const MetricsOptions& options) {
  return make_cpu_metrics(options, *kernels::available().front());
}

}  // namespace worldshare::verifier
