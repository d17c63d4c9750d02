#include "dispatcher/economy/seat_index.h"

#include "shared/result.h"

namespace worldshare::dispatcher {

void SeatIndex::put(Seat seat, OwnerId owner, ClassId capability, std::span<const SceneId> scenes) {
  const auto [entry, is_new] = seats_.try_emplace(
      key(seat), Entry{owner, capability, std::vector<SceneId>(scenes.begin(), scenes.end())});
  if (!is_new) return;
  by_class_[capability].add(seat, owner);
  for (const SceneId scene : entry->second.scenes)
    by_scene_[key(capability, scene)].add(seat, owner);
}

void SeatIndex::take(Seat seat) {
  const auto found = seats_.find(key(seat));
  if (found == seats_.end()) return;
  const Entry& entry = found->second;
  by_class_.at(entry.capability).remove(seat, entry.owner);
  for (const SceneId scene : entry.scenes) {
    const auto pool = by_scene_.find(key(entry.capability, scene));
    pool->second.remove(seat, entry.owner);
    if (pool->second.size() == 0) by_scene_.erase(pool);
  }
  seats_.erase(found);
}

std::size_t SeatIndex::size(ClassId capability) const {
  const auto found = by_class_.find(capability);
  return found == by_class_.end() ? 0 : found->second.size();
}

const SeatPool* SeatIndex::pool(ClassId capability, std::optional<SceneId> scene) const {
  if (!scene) {
    const auto found = by_class_.find(capability);
    return found == by_class_.end() ? nullptr : &found->second;
  }
  const auto found = by_scene_.find(key(capability, *scene));
  return found == by_scene_.end() ? nullptr : &found->second;
}

bool SeatIndex::any(std::span<const ClassId> classes, std::span<const OwnerId> excluded) const {
  for (const ClassId capability : classes) {
    const SeatPool* seats = pool(capability, std::nullopt);
    if (seats != nullptr && seats->count_without(excluded) > 0) return true;
  }
  return false;
}

std::optional<Seat> SeatIndex::draw(std::span<const ClassId> classes,
                                    std::optional<SceneId> scene,
                                    std::span<const OwnerId> excluded,
                                    const Draw& draw) const {
  std::size_t total = 0;
  for (const ClassId capability : classes) {
    const SeatPool* seats = pool(capability, scene);
    if (seats != nullptr) total += seats->count_without(excluded);
  }
  if (total == 0) return std::nullopt;
  std::size_t n = draw(total);
  for (const ClassId capability : classes) {
    const SeatPool* seats = pool(capability, scene);
    const std::size_t here = seats == nullptr ? 0 : seats->count_without(excluded);
    if (n < here) return seats->at(n, excluded);
    n -= here;
  }
  return std::nullopt;
}

}  // namespace worldshare::dispatcher
