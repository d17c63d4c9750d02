#include "dispatcher/economy/seat_pool.h"

#include <algorithm>

#include "shared/result.h"

namespace worldshare::dispatcher {
namespace {

std::uint64_t key(Seat seat) { return (std::uint64_t{seat.node} << 32U) | seat.slot; }

}  // namespace

void SeatPool::count(std::uint32_t shelf, std::int32_t change) {
  for (std::uint32_t i = shelf + 1; i < tree_.size(); i += i & (~i + 1U))
    tree_[i] = static_cast<std::uint32_t>(static_cast<std::int32_t>(tree_[i]) + change);
}

std::size_t SeatPool::seats_before(std::uint32_t shelf) const {
  std::size_t sum = 0;
  for (std::uint32_t i = shelf; i > 0; i -= i & (~i + 1U)) sum += tree_[i];
  return sum;
}

std::uint32_t SeatPool::shelf_for(OwnerId owner) {
  if (const auto found = shelf_of_.find(owner); found != shelf_of_.end()) return found->second;
  if (empty_shelves_.empty()) {
    empty_shelves_.push_back(static_cast<std::uint32_t>(shelves_.size()));
    shelves_.emplace_back();
    if (shelves_.size() >= tree_.size()) {
      tree_.assign(std::max<std::size_t>(16, tree_.size() * 2), 0);
      for (std::uint32_t i = 0; i < shelves_.size(); ++i)
        count(i, static_cast<std::int32_t>(shelves_[i].seats.size()));
    }
  }
  const std::uint32_t shelf = empty_shelves_.back();
  empty_shelves_.pop_back();
  shelves_[shelf].owner = owner;
  shelf_of_[owner] = shelf;
  return shelf;
}

void SeatPool::add(Seat seat, OwnerId owner) {
  const std::uint32_t shelf = shelf_for(owner);
  auto& seats = shelves_[shelf].seats;
  place_[key(seat)] = static_cast<std::uint32_t>(seats.size());
  seats.push_back(seat);
  count(shelf, 1);
  ++size_;
}

void SeatPool::remove(Seat seat, OwnerId owner) {
  const auto place = place_.find(key(seat));
  WS_CHECK(place != place_.end(), "a seat is taken from the pool that holds it");
  const std::uint32_t shelf = shelf_of_.at(owner);
  auto& seats = shelves_[shelf].seats;
  place_[key(seats.back())] = place->second;
  seats[place->second] = seats.back();
  seats.pop_back();
  place_.erase(place);
  count(shelf, -1);
  --size_;
  if (!seats.empty()) return;
  shelf_of_.erase(owner);
  empty_shelves_.push_back(shelf);
}

std::size_t SeatPool::count_without(std::span<const OwnerId> excluded) const {
  std::size_t seats = size_;
  for (const OwnerId owner : excluded) {
    const auto found = shelf_of_.find(owner);
    if (found != shelf_of_.end()) seats -= shelves_[found->second].seats.size();
  }
  return seats;
}

Seat SeatPool::at(std::size_t n, std::span<const OwnerId> excluded) const {
  std::vector<std::uint32_t> skipped;
  for (const OwnerId owner : excluded) {
    if (const auto found = shelf_of_.find(owner); found != shelf_of_.end())
      skipped.push_back(found->second);
  }
  std::ranges::sort(skipped);
  for (const std::uint32_t shelf : skipped) {
    if (n >= seats_before(shelf)) n += shelves_[shelf].seats.size();
  }
  std::size_t shelf = 0;
  for (std::size_t step = tree_.size() / 2; step > 0; step /= 2) {
    if (shelf + step < tree_.size() && tree_[shelf + step] <= n) {
      shelf += step;
      n -= tree_[shelf];
    }
  }
  return shelves_[shelf].seats[n];
}

}  // namespace worldshare::dispatcher
