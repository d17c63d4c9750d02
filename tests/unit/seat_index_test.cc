#include "dispatcher/economy/seat_index.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

namespace worldshare::dispatcher {
namespace {

TEST(SeatPool, CountsAndListsSeatsOfAllOtherOwners) {
  std::mt19937 random(7);
  const auto below = [&](unsigned n) { return static_cast<std::uint32_t>(random() % n); };
  SeatPool pool;
  std::set<std::pair<OwnerId, Seat>> seats;
  for (int step = 0; step < 4000; ++step) {
    const Seat seat{below(60), below(3)};
    const OwnerId owner = seat.node % 23;
    if (seats.erase({owner, seat}) > 0) {
      pool.remove(seat, owner);
    } else {
      seats.insert({owner, seat});
      pool.add(seat, owner);
    }
    std::vector<OwnerId> excluded;
    for (OwnerId candidate = 0; candidate < 25; ++candidate) {
      if (below(5) == 0) excluded.push_back(candidate);
    }
    std::set<Seat> expected;
    for (const auto& [of, each] : seats) {
      if (std::ranges::find(excluded, of) == excluded.end()) expected.insert(each);
    }
    ASSERT_EQ(pool.count_without(excluded), expected.size());
    std::set<Seat> listed;
    for (std::size_t n = 0; n < expected.size(); ++n) listed.insert(pool.at(n, excluded));
    ASSERT_EQ(listed, expected);
  }
}

TEST(SeatIndex, EverySeatOfTheAbleClassesIsAsLikely) {
  SeatIndex index;
  for (NodeId node = 0; node < 30; ++node) index.put({node, 0}, node % 5, node % 3, {});
  std::map<NodeId, int> drawn;
  std::mt19937_64 random(3);
  const Draw draw = [&](std::uint64_t n) {
    return std::uniform_int_distribution<std::uint64_t>(0, n - 1)(random);
  };
  const std::vector<ClassId> classes{0, 2};
  const std::vector<OwnerId> excluded{1, 3};
  for (int i = 0; i < 12'000; ++i) ++drawn[index.draw(classes, std::nullopt, excluded, draw)->node];
  EXPECT_EQ(drawn.size(), 12U);
  for (const auto& [node, count] : drawn) {
    EXPECT_NE(node % 3, 1U);
    EXPECT_NE(node % 5, 1U);
    EXPECT_NE(node % 5, 3U);
    EXPECT_NEAR(count, 1000, 150);
  }
}

TEST(SeatIndex, FindsSeatsThatHaveTheScene) {
  SeatIndex index;
  const std::vector<SceneId> scenes{7, 9};
  index.put({1, 0}, 1, 0, scenes);
  index.put({2, 0}, 2, 0, {});
  const Draw last = [](std::uint64_t n) { return n - 1; };
  const std::vector<ClassId> classes{0};
  EXPECT_EQ(index.draw(classes, 9, {}, last)->node, 1U);
  EXPECT_FALSE(index.draw(classes, 8, {}, last));
  const std::vector<OwnerId> excluded{1};
  EXPECT_FALSE(index.draw(classes, 9, excluded, last));
  EXPECT_TRUE(index.any(classes, excluded));
  index.take({1, 0});
  EXPECT_FALSE(index.draw(classes, 9, {}, last));
  EXPECT_EQ(index.size(), 1U);
}

}  // namespace
}  // namespace worldshare::dispatcher
