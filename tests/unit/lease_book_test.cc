#include "agents/lease_book.h"

#include <gtest/gtest.h>

#include <thread>

namespace worldshare::agent {
namespace {

using std::chrono::steady_clock;

TEST(LeaseBook, ALeaseTakesItsSlotUntilItEnds) {
  LeaseBook book(3);
  EXPECT_EQ(book.free_slots(), (std::vector<std::uint32_t>{0, 1, 2}));
  book.begin(1, "a");
  EXPECT_EQ(book.free_slots(), (std::vector<std::uint32_t>{0, 2}));
  EXPECT_TRUE(book.knows("a"));
  book.end("a", false);
  EXPECT_EQ(book.free_slots().size(), 3U);
}

TEST(LeaseBook, PhasesAndProgressOnlyGoForward) {
  LeaseBook book(1);
  book.begin(0, "a");
  book.set_phase("a", wire::LeasePhase::rendering);
  book.set_progress("a", 0.5);
  book.set_progress("a", 0.25);
  book.set_phase("a", wire::LeasePhase::loading);
  ASSERT_EQ(book.leases().size(), 1U);
  EXPECT_EQ(book.leases()[0].phase, wire::LeasePhase::rendering);
  EXPECT_FLOAT_EQ(book.leases()[0].progress, 0.5F);
  book.set_progress("a", 7);
  EXPECT_FLOAT_EQ(book.leases()[0].progress, 1.0F);
  book.set_progress("unknown", 1);
  EXPECT_EQ(book.leases().size(), 1U);
}

TEST(LeaseBook, ReportedLeasesStayListedForAWhile) {
  LeaseBook book(1);
  for (int i = 0; i < 70; ++i) {
    const std::string lease = "lease" + std::to_string(i);
    book.begin(0, lease);
    book.end(lease, true);
  }
  EXPECT_EQ(book.leases().size(), LeaseBook::kRemembered);
  EXPECT_EQ(book.leases().back().phase, wire::LeasePhase::reported);
  EXPECT_TRUE(book.knows("lease69"));
  EXPECT_TRUE(book.knows("lease6"));
  EXPECT_FALSE(book.knows("lease5"));
  EXPECT_EQ(book.free_slots().size(), 1U);
}

TEST(LeaseBook, WhatByItsProgressIsSoonDoneWantsToKnowTheNextOnce) {
  using std::chrono_literals::operator""h;
  LeaseBook book(2, 1h);
  book.begin(0, "a");
  book.set_phase("a", wire::LeasePhase::rendering);
  EXPECT_FALSE(book.leases()[0].wants_next) << "nothing is known of its time";
  EXPECT_FALSE(book.wait_for_change({}, steady_clock::now()));
  book.set_progress("a", 0.5);
  EXPECT_TRUE(book.leases()[0].wants_next);
  EXPECT_TRUE(book.wait_for_change({}, steady_clock::now())) << "worth a heartbeat";
  book.set_progress("a", 0.6);
  EXPECT_FALSE(book.wait_for_change({}, steady_clock::now()));
  book.end("a", true);
  EXPECT_FALSE(book.leases()[0].wants_next);

  LeaseBook never(1);
  never.begin(0, "a");
  never.set_phase("a", wire::LeasePhase::rendering);
  never.set_progress("a", 0.99);
  EXPECT_FALSE(never.leases()[0].wants_next);
}

TEST(LeaseBook, ALeaseThatWasGivenUpIsListedAsReturned) {
  LeaseBook book(1);
  book.begin(0, "a");
  book.end("a", false);
  ASSERT_EQ(book.leases().size(), 1U);
  EXPECT_EQ(book.leases()[0].phase, wire::LeasePhase::returned);
  EXPECT_TRUE(book.knows("a")) << "it is not taken again";
  EXPECT_EQ(book.free_slots().size(), 1U);
  EXPECT_TRUE(book.works().empty());
}

TEST(LeaseBook, AStepForwardIsSeenOnceAndNotAtOnceAndProgressAloneIsNone) {
  LeaseBook book(1);
  const auto before = steady_clock::now();
  book.begin(0, "a");
  EXPECT_TRUE(book.wait_for_change({}, steady_clock::now() + std::chrono::seconds(20)));
  EXPECT_GE(steady_clock::now() - before, LeaseBook::kUnhurried);
  book.set_progress("a", 0.5);
  EXPECT_FALSE(book.wait_for_change({}, steady_clock::now()));
  book.set_phase("a", wire::LeasePhase::uploading);
  EXPECT_FALSE(book.wait_for_change({}, steady_clock::now()));
  const std::jthread other([&] { book.end("a", true); });
  EXPECT_TRUE(book.wait_for_change({}, steady_clock::now() + std::chrono::seconds(20)));
}

TEST(LeaseBook, AStopEndsTheWait) {
  LeaseBook book(1);
  std::stop_source source;
  const std::jthread other([&] { source.request_stop(); });
  EXPECT_FALSE(
      book.wait_for_change(source.get_token(), steady_clock::now() + std::chrono::hours(1)));
}

}  // namespace
}  // namespace worldshare::agent
