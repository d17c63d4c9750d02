#include "shared/messages/news.h"

#include <gtest/gtest.h>

namespace worldshare::messages {
namespace {

using wire::EventKind;

wire::EventT event(EventKind kind, std::int32_t frame, const std::string& job = "job") {
  wire::EventT out;
  out.job = job;
  out.kind = kind;
  out.frame = frame;
  return out;
}

std::vector<std::int32_t> frames(const std::vector<wire::EventT>& events) {
  std::vector<std::int32_t> out;
  for (const auto& one : events) out.push_back(one.frame);
  return out;
}

TEST(News, AFewAreToldAsTheyAre) {
  std::vector<wire::EventT> events;
  for (int i = 0; i < 4; ++i) events.push_back(event(EventKind::frame_leased, i));
  events.push_back(event(EventKind::frame_reported, 4));
  const auto told = few_of_many(std::move(events));
  EXPECT_EQ(frames(told), (std::vector<std::int32_t>{0, 1, 2, 3, 4}));
  for (const auto& one : told) EXPECT_EQ(one.message, "");
}

TEST(News, OfManyTheFirstFewAndHowManyMore) {
  std::vector<wire::EventT> events;
  for (int i = 0; i < 100; ++i) {
    events.push_back(event(EventKind::frame_leased, i, i % 2 == 0 ? "even" : "odd"));
    events.push_back(event(EventKind::frame_accepted, 1000 + i));
    events.back().message = "2 of 2 agree";
  }
  const auto told = few_of_many(std::move(events));
  EXPECT_EQ(frames(told),
            (std::vector<std::int32_t>{0, 1000, 1, 1001, 2, 1002, 3, 1003, 4, 5, 6, 7}));
  EXPECT_EQ(told[10].message, "and 46 more frames");
  EXPECT_EQ(told[11].message, "and 46 more frames");
  EXPECT_EQ(told[7].message, "2 of 2 agree; and 96 more frames");
  EXPECT_EQ(told[5].message, "2 of 2 agree");
}

TEST(News, WhatMattersByItselfIsToldOfAll) {
  std::vector<wire::EventT> events;
  for (int i = 0; i < 50; ++i) events.push_back(event(EventKind::frame_failed, i));
  EXPECT_EQ(few_of_many(std::move(events)).size(), 50U);
}

}  // namespace
}  // namespace worldshare::messages
