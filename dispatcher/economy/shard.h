#pragma once

#include <cstdint>

namespace worldshare::dispatcher {

/// What one unit renders. Economy, ledger and messages carry it whole, so that it can grow.
struct Shard {
  std::int32_t frame = 0;

  auto operator<=>(const Shard&) const = default;
};

}  // namespace worldshare::dispatcher
