#include "shared/sharding/shard_plan.h"

#include <algorithm>

#include "shared/messages/manifest.h"

namespace worldshare::sharding {
namespace {

/// Where part `index` of `parts` begins, so that sizes differ by one at most.
std::uint32_t edge(std::uint64_t index, std::uint32_t parts, std::uint32_t size) {
  return static_cast<std::uint32_t>(index * size / parts);
}

}  // namespace

ShardPlan::ShardPlan(const wire::ManifestT& manifest,
                     const Division& division,
                     std::uint32_t first_index)
    : frames_(*manifest.frames),
      size_{manifest.output->width, manifest.output->height},
      samples_(manifest.sharding->samples),
      margin_(manifest.sharding->adaptive ? kAdaptiveMargin : 0),
      division_(division),
      first_index_(first_index),
      end_index_(messages::frame_count(manifest)) {
  WS_CHECK(division.frames >= 1 && division.parts() >= 1, "a division has parts");
  WS_CHECK(division.frames == 1 || division.parts() == 1, "several frames are not divided");
  WS_CHECK(first_index <= end_index_, "the plan begins within the job");
}

std::uint64_t ShardPlan::count() const {
  const std::uint64_t frames = end_index_ - first_index_;
  return (frames + division_.frames - 1) / division_.frames * division_.parts();
}

std::uint32_t ShardPlan::frame_index(std::uint64_t n) const {
  WS_CHECK(n < count(), "the shard is within the plan");
  return first_index_ + static_cast<std::uint32_t>(n / division_.parts() * division_.frames);
}

messages::Shard ShardPlan::at(std::uint64_t n) const {
  const std::uint32_t index = frame_index(n);
  messages::Shard out;
  out.frame = *frames_.first + static_cast<std::int32_t>(index) * frames_.step;
  out.frame_count = std::min(division_.frames, end_index_ - index);
  if (out.frame_count > 1) out.frame_step = static_cast<std::uint32_t>(frames_.step);
  const std::uint64_t part = n % division_.parts();
  const std::uint64_t range = part % division_.sample_ranges;
  const std::uint64_t tile = part / division_.sample_ranges;
  if (division_.columns * division_.rows > 1) {
    const std::uint64_t x = tile % division_.columns;
    const std::uint64_t y = tile / division_.columns;
    out.tile = messages::Tile{
        {edge(x, division_.columns, size_.width), edge(y, division_.rows, size_.height),
         edge(x + 1, division_.columns, size_.width), edge(y + 1, division_.rows, size_.height)},
        margin_};
  }
  if (division_.sample_ranges > 1) {
    const std::uint32_t first = edge(range, division_.sample_ranges, samples_);
    const std::uint32_t end = edge(range + 1, division_.sample_ranges, samples_);
    out.samples = messages::SampleRange{first, end - first, samples_};
  }
  return out;
}

}  // namespace worldshare::sharding
