#pragma once

#include <functional>
#include <map>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "dispatcher/economy/seat_pool.h"

namespace worldshare::dispatcher {

/// A uniform number below its argument; production passes random_below.
using Draw = std::function<std::uint64_t(std::uint64_t)>;

/// All free seats: by capability class, and by class and cached scene. A draw costs
/// O(classes x excluded owners x log owners).
class SeatIndex {
 public:
  void put(Seat seat, OwnerId owner, ClassId capability, std::span<const SceneId> scenes);
  void take(Seat seat);
  bool holds(Seat seat) const { return seats_.contains(key(seat)); }
  std::size_t size() const { return seats_.size(); }
  std::size_t size(ClassId capability) const;

  /// Whether a seat of one of the classes belongs to nobody in `excluded`.
  bool any(std::span<const ClassId> classes, std::span<const OwnerId> excluded) const;
  /// One of them, each as likely as the others; only seats that have the scene when one is given.
  std::optional<Seat> draw(std::span<const ClassId> classes,
                           std::optional<SceneId> scene,
                           std::span<const OwnerId> excluded,
                           const Draw& draw) const;

 private:
  struct Entry {
    OwnerId owner = 0;
    ClassId capability = 0;
    std::vector<SceneId> scenes;
  };
  static std::uint64_t key(Seat seat) { return (std::uint64_t{seat.node} << 32U) | seat.slot; }
  static std::uint64_t key(ClassId capability, SceneId scene) {
    return (std::uint64_t{capability} << 32U) | scene;
  }
  const SeatPool* pool(ClassId capability, std::optional<SceneId> scene) const;

  std::unordered_map<std::uint64_t, Entry> seats_;
  std::unordered_map<ClassId, SeatPool> by_class_;
  std::unordered_map<std::uint64_t, SeatPool> by_scene_;  ///< of a class
};

}  // namespace worldshare::dispatcher
