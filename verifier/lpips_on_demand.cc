#include "verifier/lpips_on_demand.h"

#include <spdlog/spdlog.h>

#include <array>
#include <utility>

namespace worldshare::verifier {

LpipsOnDemand::LpipsOnDemand(std::string why) : status_(std::move(why)) {}

LpipsOnDemand::LpipsOnDemand(Net net, Open open)
    : network_(to_string(net)), open_(std::move(open)), status_(network_ + ", not needed yet") {}

std::string LpipsOnDemand::status() const {
  const std::lock_guard lock(mutex_);
  return status_;
}

const LpipsOnDemand::Opened* LpipsOnDemand::opened() {
  const std::lock_guard lock(mutex_);
  if (open_) {
    auto outcome = std::exchange(open_, nullptr)();
    if (outcome) opened_ = std::move(*outcome);
    status_ =
        outcome ? std::string(opened_.lpips->name()) : "unavailable: " + outcome.error().message;
    spdlog::info("lpips is asked for the first time lpips=\"{}\"", status_);
  }
  return opened_.lpips ? &opened_ : nullptr;
}

std::optional<double> LpipsOnDemand::distance(const Picture& a, const Picture& b) {
  const Opened* const lpips = opened();
  if (lpips == nullptr) return std::nullopt;
  const Shape& shape = a.shape();
  if (std::uint64_t{shape.width} * shape.height > lpips->limit_pixels) return std::nullopt;
  const auto distances = lpips->lpips->distances(std::array{a, b});
  if (distances) return distances->front();
  spdlog::debug("no lpips of a pair reason=\"{}\"", distances.error().message);
  return std::nullopt;
}

}  // namespace worldshare::verifier
