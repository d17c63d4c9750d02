#pragma once

#include <cstdint>

#include "manifest_types.h"
#include "shared/messages/shard.h"
#include "shared/sharding/division.h"

namespace worldshare::sharding {

/// Pixels that are rendered around a tile where sampling is adaptive: whether a pixel has converged
/// depends on its neighbours. Cycles itself uses as many between its own tiles.
inline constexpr std::uint32_t kAdaptiveMargin = 4;

/// The shards of a job in the order of its frames, computed when they are asked for: it holds
/// nothing per frame. To go on with another division, make a new plan from the first frame of which
/// no shard was taken. A value.
class ShardPlan {
 public:
  /// `manifest` is checked; frames [first_index, end) of it. `division` divides a frame or holds
  /// several, never both.
  ShardPlan(const wire::ManifestT& manifest,
            const Division& division,
            std::uint32_t first_index = 0);

  std::uint64_t count() const;
  /// The n-th shard, n < count().
  messages::Shard at(std::uint64_t n) const;
  /// The index in the manifest of the first frame that shard n renders.
  std::uint32_t frame_index(std::uint64_t n) const;
  const Division& division() const { return division_; }

 private:
  wire::FrameRangeT frames_;
  messages::FrameSize size_;
  std::uint32_t samples_ = 0;
  std::uint32_t margin_ = 0;
  Division division_;
  std::uint32_t first_index_ = 0;
  std::uint32_t end_index_ = 0;
};

}  // namespace worldshare::sharding
