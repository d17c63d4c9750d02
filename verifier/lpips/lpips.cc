#include "verifier/lpips/lpips.h"

#include <fmt/format.h>

#include <algorithm>

namespace worldshare::verifier {

Result<> check_replicas(std::span<const Picture> replicas, const Network& network) {
  if (replicas.size() < 2 || replicas.size() > kMaxLpipsReplicas) {
    return fail(Errc::kInvalid, fmt::format("LPIPS compares 2 to {} pictures, not {}",
                                            kMaxLpipsReplicas, replicas.size()));
  }
  const Shape& shape = replicas[0].shape();
  const bool alike = std::ranges::all_of(
      replicas, [&](const Picture& p) { return !p.empty() && p.shape() == shape; });
  if (!alike) {
    return fail(Errc::kInvalid, "LPIPS needs pictures of one size, one kind of channels and depth");
  }
  const auto minimum = static_cast<std::uint32_t>(network.minimum_side);
  if (std::min(shape.width, shape.height) < minimum) {
    return fail(Errc::kInvalid,
                fmt::format("LPIPS {} needs at least {} pixels a side, not {}x{}",
                            to_string(network.net), minimum, shape.width, shape.height));
  }
  return {};
}

}  // namespace worldshare::verifier
