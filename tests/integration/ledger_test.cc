#include "dispatcher/economy/ledger.h"

#include <algorithm>
#include <numeric>
#include <thread>

#include "dispatcher/economy/job_rows.h"
#include "dispatcher/gateway/control.h"
#include "dispatcher/gateway/status.h"
#include "shared/messages/shard.h"
#include "shared/pg/unit_lock.h"
#include "tests/integration/dispatcher_fixture.h"

namespace worldshare::testing {
namespace {

using dispatcher::Grants;
using dispatcher::Ledger;
using dispatcher::UnitId;

/// A ledger that leads, and a job of many frames with two leases of each, to different owners.
class LedgerTest : public DispatcherTest {
 protected:
  static constexpr int kUnits = 500;

  void SetUp() override {
    DispatcherTest::SetUp();
    job_ = submit(R"({"first": 1, "last": )" + std::to_string(kUnits) + "}");
    agents_ = {agent("anna").key.public_key(), agent("bert").key.public_key()};
    stop();
    pg_.emplace(std::move(*pg::Connection::open(config_.postgres_conninfo)));
    ledger_.emplace(std::move(*pg::Connection::open(config_.postgres_conninfo)));
    ASSERT_TRUE(eventually([&] {
      const auto taken = ledger_->leadership().take("test");
      return taken && *taken;
    }));
  }

  Grants grants() {
    Grants out;
    const auto ids = ledger_->reserve_units(kUnits);
    EXPECT_TRUE(ids);
    out.progress.push_back({job_, kUnits, {}, {}});
    for (int i = 0; i < kUnits; ++i) {
      dispatcher::Unit unit;
      unit.id = (*ids)[static_cast<std::size_t>(i)];
      unit.job = job_;
      unit.shard.frame = i + 1;
      out.progress.front().made.push_back(i + 1);
      for (std::size_t n = 0; n < 2; ++n) {
        dispatcher::Lease lease;
        lease.id = "lease-" + std::to_string(i) + "-" + std::to_string(n);
        lease.unit = unit.id;
        lease.job = job_;
        lease.agent = agents_[n];
        lease.owner = n == 0 ? "anna" : "bert";
        lease.expires_at = from_unix_ms(4'000'000'000'000);
        out.leases.push_back(std::move(lease));
      }
      out.units.push_back(std::move(unit));
    }
    return out;
  }

  std::vector<wire::VerdictT> verdicts(const Grants& grants) {
    std::vector<wire::VerdictT> out;
    for (std::size_t i = 0; i < grants.leases.size(); ++i) {
      wire::VerdictT verdict;
      verdict.lease = grants.leases[i].id;
      verdict.unit = static_cast<std::uint64_t>(grants.leases[i].unit);
      verdict.opinions = static_cast<std::uint8_t>(i % 2 + 1);
      verdict.decision = i % 2 == 0 ? wire::Decision::pending : wire::Decision::accepted;
      out.push_back(std::move(verdict));
    }
    return out;
  }

  std::int64_t count(const char* sql) { return pg_->exec(sql)->integer(0, 0); }

  std::string job_;
  std::vector<std::string> agents_;
  std::optional<pg::Connection> pg_;
  std::optional<Ledger> ledger_;
};

TEST_F(LedgerTest, AThousandLeasesAndVerdictsAreTwoTransactionsAndCountOnce) {
  const Grants granted = grants();
  const auto refused = ledger_->write(granted);
  ASSERT_TRUE(refused) << refused.error().message;
  EXPECT_TRUE(refused->empty());
  EXPECT_EQ(count("select count(*) from replicas where state = 'leased'"), 2 * kUnits);
  const auto all = verdicts(granted);
  const auto first = ledger_->record_verdicts(all);
  ASSERT_TRUE(first) << first.error().message;
  ASSERT_EQ(first->endings.jobs.size(), 1U);
  EXPECT_EQ(first->endings.jobs[0].state, "completed");
  EXPECT_EQ(first->verdicts[1].owner, "bert");
  const auto again = ledger_->record_verdicts(all);
  ASSERT_TRUE(again) << "delivered twice";
  EXPECT_TRUE(again->endings.jobs.empty());
  EXPECT_EQ(count("select frames_accepted from jobs"), kUnits);
  EXPECT_EQ(count("select count(*) from replicas where state = 'reported'"), 2 * kUnits);
}

TEST_F(LedgerTest, AVerdictOnNothingDoesNotStopTheOthers) {
  const Grants granted = grants();
  ASSERT_TRUE(ledger_->write(granted));
  auto all = verdicts(granted);
  all[7].lease = "nobody's";
  const auto effects = ledger_->record_verdicts(all);
  ASSERT_TRUE(effects);
  EXPECT_EQ(effects->verdicts[7].outcome.error().code, Errc::kNotFound);
  EXPECT_TRUE(effects->verdicts[6].outcome && effects->verdicts[8].outcome);
  EXPECT_EQ(count("select frames_accepted from jobs"), kUnits - 1);
}

TEST_F(LedgerTest, AJobThatWasCancelledMeanwhileGetsNothing) {
  ASSERT_TRUE(pg_->exec("update jobs set state = 'cancelled'"));
  const auto refused = ledger_->write(grants());
  ASSERT_TRUE(refused);
  EXPECT_EQ(*refused, std::set<std::string>{job_});
  EXPECT_EQ(count("select (select count(*) from units) + (select count(*) from replicas)"), 0);
}

/// Units with one lease each.
class GrantedUnitsTest : public LedgerTest {
 protected:
  void grant(const dispatcher::Unit& unit) {
    granted_.units.push_back(unit);
    dispatcher::Lease lease;
    lease.id = "lease-" + std::to_string(granted_.leases.size());
    lease.unit = unit.id;
    lease.job = job_;
    lease.agent = agents_[0];
    lease.owner = "anna";
    lease.expires_at = from_unix_ms(4'000'000'000'000);
    granted_.leases.push_back(lease);
  }

  dispatcher::VerdictEffects give(std::size_t unit, wire::Decision decision) {
    wire::VerdictT verdict;
    verdict.lease = granted_.leases[unit].id;
    verdict.unit = static_cast<std::uint64_t>(granted_.units[unit].id);
    verdict.opinions = 1;
    verdict.decision = decision;
    auto effects = ledger_->record_verdicts({&verdict, 1});
    EXPECT_TRUE(effects) << effects.error().message;
    return std::move(*effects);
  }

  Grants granted_;
};

/// Two frames of two tiles each.
class DividedFramesTest : public GrantedUnitsTest {
 protected:
  void SetUp() override {
    LedgerTest::SetUp();
    granted_.progress.push_back({job_, 2, {1, 2}, {}});
    const auto ids = ledger_->reserve_units(4);
    for (std::size_t i = 0; i < 4; ++i) {
      dispatcher::Unit unit;
      unit.id = (*ids)[i];
      unit.job = job_;
      unit.parts = 2;
      unit.shard.frame = static_cast<std::int32_t>(i / 2 + 1);
      const std::uint32_t x0 = i % 2 == 0 ? 0 : 32;
      unit.shard.tile = messages::Tile{{x0, 0, x0 + 32, 36}, 0};
      grant(unit);
    }
    ASSERT_TRUE(ledger_->write(granted_));
  }

  /// The verifier's row.
  void assembly(int frame, const std::string& state) {
    EXPECT_TRUE(
        pg_->exec("insert into assemblies (job, frame, state) values ($1, $2, $3) on "
                  "conflict (job, frame) do update set state = excluded.state",
                  {job_, frame, state}));
  }

  std::vector<dispatcher::AssembledFrame> assembled() {
    auto found = ledger_->count_assembled();
    EXPECT_TRUE(found) << found.error().message;
    return std::move(found->frames);
  }
};

TEST_F(DividedFramesTest, AFrameCountsOnceItIsAssembled) {
  give(0, wire::Decision::accepted);
  assembly(1, "waiting");
  give(1, wire::Decision::accepted);
  EXPECT_TRUE(assembled().empty());
  EXPECT_EQ(count("select frames_accepted from jobs"), 0);
  assembly(1, "made");
  const auto frames = assembled();
  ASSERT_EQ(frames.size(), 1U);
  EXPECT_TRUE(frames[0].accepted);
  EXPECT_EQ(frames[0].frame, 1);
  EXPECT_TRUE(assembled().empty()) << "it counts once";
  EXPECT_EQ(count("select frames_accepted from jobs"), 1);
}

TEST_F(DividedFramesTest, APartThatFailsEndsTheOthersAndCountsOnce) {
  const auto effects = give(2, wire::Decision::failed);
  EXPECT_EQ(effects.endings.cancelled, std::vector<std::int64_t>{granted_.units[3].id});
  EXPECT_EQ(count("select count(*) from replicas where state = 'leased'"), 2) << "frame 1 goes on";
  EXPECT_EQ(count("select frames_failed from jobs"), 1);
  give(3, wire::Decision::failed);
  EXPECT_EQ(count("select frames_failed from jobs"), 1);
}

TEST_F(DividedFramesTest, AFrameThatCannotBeAssembledFailsAndMayBeAskedForAgain) {
  give(0, wire::Decision::accepted);
  give(1, wire::Decision::accepted);
  assembly(1, "failed");
  ASSERT_EQ(assembled().size(), 1U);
  EXPECT_EQ(count("select frames_failed from jobs"), 1);
  wire::JobControlT control;
  control.action = wire::ControlAction::requeue;
  const auto done = dispatcher::control_job(*pg_, "local", job_, control);
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(done->changed, 1U) << "frames";
  EXPECT_EQ(count("select frames_failed from jobs"), 0);
  EXPECT_EQ(
      count("select count(*) from units where frame = 1 and state = 'open' and shard <> '' and "
            "parts = 2"),
      2);
  EXPECT_TRUE(assembled().empty()) << "the assembly of before says nothing of the new parts";
}

TEST_F(LedgerTest, WhatIsHandedBackSpeaksAgainstNoUnitAlsoAfterARestart) {
  const Grants granted = grants();
  ASSERT_TRUE(ledger_->write(granted));
  ASSERT_TRUE(ledger_->expire({granted.leases[0].id, granted.leases[1].id, granted.leases[2].id}));
  ASSERT_TRUE(ledger_->take_back({granted.leases[3].id, granted.leases[4].id}));
  ASSERT_TRUE(ledger_->expire({granted.leases[0].id})) << "delivered twice";
  EXPECT_EQ(count("select count(*) from replicas where state = 'expired'"), 5);
  const auto open = dispatcher::all_open_units(*pg_);
  ASSERT_TRUE(open) << open.error().message;
  EXPECT_EQ(open->at(0).expiries, 2U);
  EXPECT_EQ(open->at(1).expiries, 1U);
  EXPECT_EQ(open->at(2).expiries, 0U);
}

TEST_F(LedgerTest, AJobThatEndsWhileItIsPausedIsNotPausedForEver) {
  const Grants granted = grants();
  ASSERT_TRUE(ledger_->write(granted));
  ASSERT_TRUE(pg_->exec("update jobs set paused = true"));
  ASSERT_TRUE(ledger_->record_verdicts(verdicts(granted)));
  EXPECT_EQ(count("select count(*) from jobs where state = 'completed' and not paused"), 1);
}

TEST_F(LedgerTest, AFrameIsNeverMadeTwice) {
  ASSERT_TRUE(ledger_->write(grants()));
  EXPECT_FALSE(ledger_->write(grants()));
  EXPECT_EQ(count("select frames_made from jobs"), kUnits);
}

/// Two units of ten frames each.
class SeveralFramesTest : public GrantedUnitsTest {
 protected:
  void SetUp() override {
    LedgerTest::SetUp();
    const auto ids = ledger_->reserve_units(2);
    ASSERT_TRUE(ids);
    granted_.progress.push_back({job_, 20, {}, {}});
    for (int i = 0; i < 2; ++i) {
      dispatcher::Unit unit;
      unit.id = (*ids)[static_cast<std::size_t>(i)];
      unit.job = job_;
      unit.shard = {10 * i + 1, 10, 1};
      for (const auto frame : messages::frames_of(unit.shard))
        granted_.progress[0].made.push_back(frame);
      grant(unit);
    }
    ASSERT_TRUE(ledger_->write(granted_));
  }
};

TEST_F(SeveralFramesTest, EachFrameCounts) {
  EXPECT_EQ(count("select frames_made from jobs"), 20);
  EXPECT_EQ(count("select sum(frames) from units"), 20);
  EXPECT_EQ(count("select max(last_frame) from units"), 20);
  give(0, wire::Decision::accepted);
  EXPECT_EQ(count("select frames_accepted from jobs"), 10);
  const auto open = dispatcher::all_open_units(*pg_);
  ASSERT_TRUE(open) << open.error().message;
  ASSERT_EQ(open->size(), 1U);
  EXPECT_EQ(open->front().shard, granted_.units[1].shard);
}

TEST_F(SeveralFramesTest, OnesThatFailTogetherAreAskedForAlone) {
  const auto effects = give(1, wire::Decision::failed);
  ASSERT_EQ(effects.endings.remade.size(), 10U);
  std::set<std::int32_t> frames;
  for (const auto& unit : effects.endings.remade) {
    EXPECT_TRUE(messages::is_whole_frame(unit.shard));
    EXPECT_EQ(unit.wanted, 2U);
    frames.insert(unit.shard.frame);
  }
  EXPECT_EQ(*frames.begin(), 11);
  EXPECT_EQ(*frames.rbegin(), 20);
  EXPECT_EQ(count("select frames_failed from jobs"), 0);
  EXPECT_EQ(count("select count(*) from units where state = 'open' and frames = 1"), 10);
  EXPECT_EQ(count("select count(*) from units where state = 'replaced' and frames = 10"), 1);
  EXPECT_TRUE(give(1, wire::Decision::failed).endings.remade.empty()) << "delivered twice";
}

TEST_F(SeveralFramesTest, OnesThatTheTrustEngineAcceptsMeanwhileAreNotGivenUp) {
  const UnitId lost = granted_.units[0].id;
  const UnitId accepted = granted_.units[1].id;
  auto sitting = pg::Transaction::begin(*pg_);
  ASSERT_TRUE(sitting);
  ASSERT_TRUE(pg::lock_units(*sitting, {accepted}));
  std::optional<Result<dispatcher::Endings>> endings;
  std::jthread dispatcher(
      [&] { endings = ledger_->fail_units({{lost, "lost by all"}, {accepted, "lost by all"}}); });
  EXPECT_TRUE(eventually([&] {
    const auto waiting = sitting->exec(
        "select count(*) from pg_locks where locktype = 'advisory' and not granted and database = "
        "(select oid from pg_database where datname = current_database())");
    return waiting && waiting->integer(0, 0) == 1;
  }));
  ASSERT_TRUE(sitting->run(
      "insert into verdicts (unit, lease, decision, counts, replicas_needed, reason, decided_at, "
      "policy) select unit, lease, 'accepted', true, 0, '', now(), '' from replicas where unit = "
      "$1 "
      "limit 1",
      {accepted}));
  ASSERT_TRUE(sitting->commit());
  dispatcher.join();
  ASSERT_TRUE(*endings) << endings->error().message;
  EXPECT_EQ((*endings)->failed, std::vector{lost});
  EXPECT_EQ((*endings)->remade.size(), 10U);
  EXPECT_EQ(count("select count(*) from units where state = 'open' and frames = 10"), 1);
  give(1, wire::Decision::accepted);
  EXPECT_EQ(count("select frames_accepted from jobs"), 10);
}

TEST_F(SeveralFramesTest, AFrameIsFoundInItsUnitAndListedByItself) {
  wire::JobControlT control;
  control.action = wire::ControlAction::first;
  control.frame = 15;
  const auto first = dispatcher::control_job(*pg_, "local", job_, control);
  ASSERT_TRUE(first) << first.error().message;
  EXPECT_EQ(count("select coalesce(array_length(first_frames, 1), 0) from jobs"), 0)
      << "its unit is brought forward";
  const auto no_url = [](const std::string&, std::uint64_t) { return std::string(); };
  give(0, wire::Decision::accepted);
  ASSERT_TRUE(
      pg_->exec("insert into outputs (unit, job, frame, artifact, size_bytes) select id, job, f, "
                "'picture ' || f, 1 "
                "from units, generate_series(1, 10) f where frame = 1"));
  dispatcher::Page page;
  page.limit = 7;
  std::vector<std::int32_t> frames;
  std::vector<std::string> states;
  for (;;) {
    const auto list = dispatcher::frame_list(*pg_, "local", job_, "", page, no_url);
    ASSERT_TRUE(list) << list.error().message;
    for (const auto& line : list->frames) {
      frames.push_back(line->frame);
      states.push_back(line->state);
    }
    if (list->next.empty()) break;
    page.after = {std::to_string(frames.back())};
  }
  std::vector<std::int32_t> all(20);
  std::iota(all.begin(), all.end(), 1);
  EXPECT_EQ(frames, all);
  EXPECT_EQ(std::ranges::count(states, "accepted"), 10);
  EXPECT_EQ(std::ranges::count(states, "in_work"), 10);
  const auto status = dispatcher::frame_status(*pg_, "local", job_, 15, no_url);
  ASSERT_TRUE(status) << status.error().message;
  EXPECT_EQ(status->state, "in_work");
  EXPECT_EQ(status->replicas.size(), 1U);
  const auto done = dispatcher::frame_status(*pg_, "local", job_, 10, no_url);
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(done->artifact, "picture 10");
}

}  // namespace
}  // namespace worldshare::testing
