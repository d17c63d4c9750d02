#include <fmt/format.h>

#include <new>
#include <string>

#include "verifier/lpips/input_rows.h"
#include "verifier/lpips/lpips.h"
#include "verifier/lpips/tap_distance.h"
#include "verifier/lpips/trunk.h"

namespace worldshare::verifier {
namespace {

/// One comparison: a trunk for each replica, and the distances at each tap.
class Comparison {
 public:
  Comparison(const TrunkFilters& filters, std::span<const Picture> replicas) {
    const auto width = static_cast<int>(replicas[0].shape().width);
    for (const Picture& replica : replicas) {
      inputs_.emplace_back(replica);
      trunks_.emplace_back(filters, width);
    }
    const auto& linear = filters.network().linear;
    for (std::size_t i = 0; i < linear.size(); ++i) {
      taps_.emplace_back(linear[i], trunks_[0].taps()[i].width, replicas.size());
    }
    row_.resize(std::size_t{3} * replicas[0].shape().width);
  }

  void push(std::uint32_t y) {
    for (std::size_t i = 0; i < trunks_.size(); ++i) {
      inputs_[i].read(y, row_);
      trunks_[i].push(row_.data());
    }
    compare_taps();
  }

  std::vector<double> finish() {
    for (Trunk& trunk : trunks_) trunk.finish();
    compare_taps();
    std::vector<double> out(taps_[0].mean().size());
    for (const TapDistance& tap : taps_) {
      const auto means = tap.mean();
      for (std::size_t pair = 0; pair < out.size(); ++pair) out[pair] += means[pair];
    }
    return out;
  }

 private:
  void compare_taps() {
    std::vector<std::span<const float>> rows(trunks_.size());
    for (std::size_t tap = 0; tap < taps_.size(); ++tap) {
      for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = trunks_[i].taps()[tap].rows;
      taps_[tap].add(rows);
      for (Trunk& trunk : trunks_) trunk.taps()[tap].rows.clear();
    }
  }

  std::vector<InputRows> inputs_;
  std::vector<Trunk> trunks_;
  std::vector<TapDistance> taps_;
  std::vector<float> row_;
};

class CpuLpips final : public Lpips {
 public:
  explicit CpuLpips(const Network& network)
      : filters_(network),
        name_(fmt::format("cpu {} {}", to_string(network.net), tile_kernel().name)) {}

  Result<std::vector<double>> distances(std::span<const Picture> replicas) override {
    if (const auto checked = check_replicas(replicas, filters_.network()); !checked) {
      return std::unexpected(checked.error());
    }
    try {
      Comparison comparison(filters_, replicas);
      for (std::uint32_t y = 0; y < replicas[0].shape().height; ++y) comparison.push(y);
      return comparison.finish();
    } catch (const std::bad_alloc&) {
      return fail(Errc::kUnavailable, "no memory for LPIPS");
    }
  }

  std::string_view name() const override { return name_; }

 private:
  TrunkFilters filters_;
  std::string name_;
};

}  // namespace

Result<std::unique_ptr<Lpips>> make_cpu_lpips(const std::filesystem::path& models_directory,
                                              Net net) {
  const auto network = load_network(models_directory, net);
  if (!network) return std::unexpected(network.error());
  return std::make_unique<CpuLpips>(*network);
}

}  // namespace worldshare::verifier
