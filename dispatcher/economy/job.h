#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "shared/clock.h"
#include "shared/messages/messages.h"
#include "shared/sharding/division.h"

namespace worldshare::dispatcher {

/// A job that still has work, as matching needs it.
struct Job {
  std::string id;
  std::string tenant;
  wire::ManifestT manifest;  ///< checked, with defaults filled in
  std::uint32_t priority = 50;
  Clock::TimePoint queued_at{};
  std::optional<Clock::TimePoint> deadline;
  Clock::TimePoint not_before{};
  std::vector<std::string> after;  ///< jobs that must be completed first and are not
  bool paused = false;

  std::uint32_t position = 0;       ///< in its frame order; units exist for all frames before it
  std::uint32_t ordered = 0;        ///< frames at its submission, see frame_at()
  std::vector<std::int32_t> first;  ///< frames that the artist wants now and that have no unit
  std::set<std::int32_t> early;     ///< frames beyond `position` that have a unit already
};

/// What a lease of a unit renders: the unit's shard, or a half of its samples.
inline messages::Shard shard_of(const messages::Shard& unit,
                                std::optional<std::uint32_t> half,
                                const wire::ManifestT& manifest) {
  return half ? sharding::half_of(unit, *half, manifest.sharding->samples) : unit;
}

/// How far a job's frames have been made into units since it was written last.
struct JobProgress {
  std::string job;
  std::uint32_t position = 0;
  std::vector<std::int32_t> made;   ///< frames
  std::vector<std::int32_t> early;  ///< all of Job::early
};

}  // namespace worldshare::dispatcher
