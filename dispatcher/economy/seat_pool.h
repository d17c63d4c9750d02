#pragma once

#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "dispatcher/economy/names.h"

namespace worldshare::dispatcher {

/// A slot of a node that could take work now.
struct Seat {
  NodeId node = 0;
  std::uint32_t slot = 0;

  auto operator<=>(const Seat&) const = default;
};

/// Free seats that are alike, ordered by owner, so that a seat can be drawn among all but some
/// owners'. add, remove and at cost O(log owners) each, times the number of excluded owners.
class SeatPool {
 public:
  void add(Seat seat, OwnerId owner);
  /// The seat must be in the pool.
  void remove(Seat seat, OwnerId owner);
  std::size_t size() const { return size_; }
  /// How many seats are not of these owners. `excluded`: no owner twice.
  std::size_t count_without(std::span<const OwnerId> excluded) const;
  /// The n-th of them, n < count_without(excluded).
  Seat at(std::size_t n, std::span<const OwnerId> excluded) const;

 private:
  struct Shelf {
    OwnerId owner = 0;
    std::vector<Seat> seats;
  };
  std::uint32_t shelf_for(OwnerId owner);
  void count(std::uint32_t shelf, std::int32_t change);
  std::size_t seats_before(std::uint32_t shelf) const;

  std::vector<Shelf> shelves_;
  std::vector<std::uint32_t> empty_shelves_;
  std::vector<std::uint32_t> tree_;  ///< Fenwick tree of the shelves' sizes, 1-based, 2^k entries
  std::unordered_map<OwnerId, std::uint32_t> shelf_of_;
  std::unordered_map<std::uint64_t, std::uint32_t> place_;  ///< seat → where on its shelf
  std::size_t size_ = 0;
};

}  // namespace worldshare::dispatcher
