#include "verifier/metrics/cpu_metrics.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "verifier/metrics/differences.h"
#include "verifier/metrics/structure.h"

namespace worldshare::verifier {
namespace {

std::string describe(const Shape& shape) {
  constexpr std::array kDepths{"8 bits", "16 bits", "half floats", "floats"};
  return fmt::format("{}x{} with {} channel{} of {}", shape.width, shape.height, shape.channels,
                     shape.channels == 1 ? "" : "s",
                     kDepths[static_cast<std::size_t>(shape.depth)]);
}

Result<> check(std::span<const Picture> replicas) {
  if (replicas.size() < 2 || replicas.size() > kMaxReplicas) {
    return fail(Errc::kInvalid, fmt::format("2 to {} pictures can be compared, not {}",
                                            kMaxReplicas, replicas.size()));
  }
  for (std::size_t i = 0; i < replicas.size(); ++i) {
    if (replicas[i].empty()) return fail(Errc::kInvalid, fmt::format("picture {} is empty", i));
    if (replicas[i].shape() == replicas[0].shape()) continue;
    return fail(Errc::kInvalid,
                fmt::format("the pictures differ: one is {}, another {}",
                            describe(replicas[0].shape()), describe(replicas[i].shape())));
  }
  return {};
}

double peak_of(Depth depth) {
  if (depth == Depth::kU8) return 255;
  return depth == Depth::kU16 ? 65535 : 1;
}

kernels::Replicas view(std::span<const Picture> replicas, Coding coding) {
  const Shape& shape = replicas[0].shape();
  kernels::Replicas out;
  for (const Picture& picture : replicas) out.data[out.count++] = picture.data();
  out.stride = shape.stride();
  out.width = shape.width;
  out.height = shape.height;
  out.channels = shape.channels;
  out.colours = static_cast<std::uint32_t>(shape.colour_channels());
  out.depth = shape.depth;
  out.log = is_float(shape.depth) && coding == Coding::kLog;
  out.peak = peak_of(shape.depth);
  return out;
}

class CpuMetrics final : public Metrics {
 public:
  CpuMetrics(const MetricsOptions& options, const kernels::Kernels& kernels)
      : options_(options), kernels_(kernels), name_(fmt::format("cpu {}", kernels.name)) {}

  Result<std::vector<PairMetrics>> measure(std::span<const Picture> replicas) override {
    if (auto ok = check(replicas); !ok) return std::unexpected(ok.error());
    const kernels::Replicas all = view(replicas, options_.coding);
    const Differences differences(kernels_, all);
    auto out = differences.figures();
    const auto ssim = mean_ssim(kernels_, all, options_.ssim_reflect, differences.spread());
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
