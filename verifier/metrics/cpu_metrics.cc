#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "verifier/metrics/metrics.h"
#include "verifier/metrics/reference_metrics.h"

namespace worldshare::verifier {
namespace {

std::string describe(const Shape& shape) {
  constexpr std::array kDepths{"8-bit", "16-bit", "half", "float"};
  return fmt::format("{}x{} with {} channels of {}", shape.width, shape.height, shape.channels,
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
                fmt::format("the pictures differ in kind: {} against {}",
                            describe(replicas[0].shape()), describe(replicas[i].shape())));
  }
  return {};
}

class CpuMetrics final : public Metrics {
 public:
  explicit CpuMetrics(const MetricsOptions& options) : options_(options) {}

  Result<std::vector<PairMetrics>> measure(std::span<const Picture> replicas) override {
    if (auto ok = check(replicas); !ok) return std::unexpected(ok.error());
    std::vector<PairMetrics> out;
    for (std::size_t a = 0; a < replicas.size(); ++a) {
      for (std::size_t b = a + 1; b < replicas.size(); ++b) {
        out.push_back(reference_metrics(replicas[a], replicas[b], options_));
      }
    }
    return out;
  }
  std::string_view name() const override { return "cpu"; }

 private:
  const MetricsOptions options_;
};

}  // namespace

std::unique_ptr<Metrics> make_cpu_metrics(const MetricsOptions& options) {
  return std::make_unique<CpuMetrics>(options);
}

}  // namespace worldshare::verifier
