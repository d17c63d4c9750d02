#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "shared/files.h"
#include "shared/ids.h"
#include "tests/integration/verifier_bench.h"

// Many results at once: what waits in the stream is judged in a few sittings, by several verifiers.

namespace worldshare::testing {
namespace {

using wire::Decision;

class SittingTest : public VerifierBenchTest {
 protected:
  std::vector<Lease> leases(std::size_t count) {
    const std::int64_t unit = bench_->unit(2, 5);
    std::vector<Lease> out;
    for (std::size_t i = 0; i < count; ++i) {
      out.push_back(bench_->lease(unit, bench_->volunteer("owner" + std::to_string(i))));
    }
    return out;
  }

  bool eventually_published(int verdicts) {
    return bench_->eventually([&] {
      return bench_->query("select count(published_at) from verdicts") == std::to_string(verdicts);
    });
  }
};

TEST_F(SittingTest, AUnitWhoseResultsComeTogetherIsDecidedAtOnce) {
  const auto leases = this->leases(3);
  for (const auto& lease : leases) bench_->render(lease, picture(1));
  bench_->start_verifier(1);
  const auto first = bench_->verdict(leases[0]);
  EXPECT_EQ(first.decision, Decision::pending);
  EXPECT_EQ(first.opinions, 1);
  const auto second = bench_->verdict(leases[1]);
  EXPECT_EQ(second.decision, Decision::accepted);
  EXPECT_EQ(second.opinions, 2);
  const auto late = bench_->verdict(leases[2]);
  EXPECT_EQ(late.decision, Decision::pending);
  EXPECT_EQ(late.reason, "the frame was accepted before, alike");
  EXPECT_EQ(bench_->query("select string_agg(judged, ' ' order by received_at) from results"),
            "agreed agreed agreed");
  EXPECT_EQ(bench_->query("select count(*) from credit"), "2");
  EXPECT_EQ(bench_->query("select sum(agreed) from trust"), "2");
  EXPECT_EQ(bench_->query("select count(distinct received_at) from results"), "3");
}

TEST_F(SittingTest, WhatComesTwiceInOneSittingCountsOnce) {
  const auto leases = this->leases(2);
  bench_->render(leases[0], picture(1));
  bench_->send(leases[0], bench_->rendered(leases[0], picture(1)), "once more");
  bench_->send(leases[0], bench_->failed(leases[0], "changed its mind"), "and again");
  // Another lease of the first one's owner.
  bench_->execute("update replicas set state = 'expired' where lease = '" + leases[0].id + "'");
  const Lease same_owner = bench_->lease(leases[0].unit, *leases[0].holder);
  bench_->render(same_owner, picture(1));
  bench_->render(leases[1], picture(1));
  bench_->start_verifier(1);
  EXPECT_EQ(bench_->verdict(leases[1]).decision, Decision::accepted);
  EXPECT_EQ(bench_->verdict(leases[1]).opinions, 2);
  EXPECT_TRUE(eventually_published(2));
  EXPECT_EQ(bench_->query("select count(*) from results"), "2");
  EXPECT_EQ(bench_->query("select count(*) from credit"), "2");
}

TEST_F(SittingTest, OneThatCannotBeJudgedHoldsUpNobody) {
  const auto odd = this->leases(1);
  bench_->execute("update jobs set manifest = '{}'");
  const auto good = this->leases(2);
  Lease unknown = good[0];
  unknown.id = new_id();
  bench_->render(odd[0], picture(1));
  bench_->send(unknown, bench_->rendered(unknown, picture(1)));
  for (const auto& lease : good) bench_->render(lease, picture(1));
  bench_->send_raw("results.x.y", Bytes{1});
  bench_->start_verifier(1);
  EXPECT_EQ(bench_->verdict(good[1]).decision, Decision::accepted);
  EXPECT_EQ(bench_->query("select count(*) from results"), "2");
}

/// PostgreSQL refuses a second result of the owner, which the papers do not tell of.
TEST_F(SittingTest, OneThatAlwaysConflictsHoldsUpNobody) {
  const auto odd = this->leases(2);
  bench_->start_verifier(1);
  bench_->render(odd[0], picture(1));
  bench_->verdict(odd[0]);
  bench_->stop_verifiers();
  bench_->execute(
      "insert into audits (unit, target, seed, tiles, samples, cost) select unit, "
      "lease, 1, 256, 32, 1 from results");
  bench_->execute(
      "insert into results (lease, unit, owner, agent, outcome, judged, audit) select "
      "p.lease, p.unit, p.owner, p.agent, 'rendered', 'rejected', a.id from replicas "
      "p, audits a where p.lease = '" +
      odd[1].id + "'");
  bench_->execute("update replicas set state = 'expired' where lease = '" + odd[1].id + "'");
  bench_->render(bench_->lease(odd[1].unit, *odd[1].holder), picture(1));
  const auto good = this->leases(2);
  for (const auto& lease : good) bench_->render(lease, picture(1));
  bench_->start_verifier(1);
  EXPECT_EQ(bench_->verdict(good[1]).decision, Decision::accepted);
  EXPECT_EQ(bench_->query("select count(*) from results"), "4");
}

TEST_F(SittingTest, ABacklogIsJudgedOnceByManyVerifiers) {
  std::vector<Lease> all;
  for (int i = 0; i < 100; ++i) {
    for (auto& lease : leases(3)) all.push_back(lease);
  }
  for (auto& lease : all) bench_->render(lease, picture(1));
  for (auto& lease : all) bench_->send(lease, bench_->rendered(lease, picture(1)), lease.id + "-");
  for (int i = 0; i < 3; ++i) bench_->start_verifier();
  ASSERT_TRUE(eventually_published(300));
  for (auto& lease : all) EXPECT_EQ(bench_->verdict(lease).lease, lease.id);
  EXPECT_EQ(bench_->query("select count(*) from verdicts where decision = 'accepted'"), "100");
  EXPECT_EQ(bench_->query("select count(*) from outputs"), "100");
  EXPECT_EQ(bench_->query("select count(*) from credit"), "200");
  EXPECT_EQ(bench_->query("select sum(agreed) from trust"), "200");
  EXPECT_EQ(bench_->query("select count(*) from results where judged = 'agreed'"), "300");
  EXPECT_EQ(bench_->query("select bool_and(opinions = place) from (select row_number() over "
                          "(partition by unit order by received_at) place, (select count(*) from "
                          "results o where o.unit = r.unit and o.received_at <= v.decided_at) "
                          "opinions from results r join verdicts v using (lease, unit)) x"),
            "t");
}

/// Pictures have to be compared, so opinions arrive while others look at them.
TEST_F(SittingTest, OpinionsThatChangeDuringASittingAreHeard) {
  std::vector<Lease> all;
  for (int i = 0; i < 40; ++i) {
    for (auto& lease : leases(4)) all.push_back(lease);
  }
  for (int i = 0; i < 3; ++i) bench_->start_verifier();
  for (std::size_t i = 0; i < all.size(); ++i) {
    // Three of four differ a little, the second is somebody else's picture.
    const auto place = static_cast<int>(i % 4);
    bench_->render(all[i], place == 1
                               ? picture(static_cast<unsigned>(1000 + i))
                               : picture(static_cast<unsigned>(i / 4), place / 2 + place / 3));
  }
  ASSERT_TRUE(eventually_published(160));
  EXPECT_EQ(bench_->query("select count(*) from outputs"), "40");
  EXPECT_EQ(bench_->query("select count(*) from verdicts where decision = 'accepted'"), "40");
  EXPECT_EQ(bench_->query("select count(*) from credit"), "80");
  EXPECT_EQ(bench_->query("select count(*) from results r join outputs o using (unit) where "
                          "r.artifact = o.artifact and r.judged <> 'agreed'"),
            "0");
  // Whoever was there before the decision was compared with everybody else who was.
  EXPECT_EQ(bench_->query("select count(*) from results a join results b on a.unit = b.unit and "
                          "a.lease < b.lease left join comparisons c on c.lease_a = a.lease and "
                          "c.lease_b = b.lease join verdicts v on v.unit = a.unit and v.decision = "
                          "'accepted' where greatest(a.received_at, b.received_at) <= v.decided_at "
                          "and c.unit is null"),
            "0");
}

TEST_F(SittingTest, VerdictsOfASittingThatWereNotPublishedAreAllPublishedLater) {
  std::vector<Lease> all;
  for (int i = 0; i < 150; ++i) {
    for (auto& lease : leases(2)) all.push_back(lease);
  }
  for (auto& lease : all) bench_->render(lease, picture(1));
  bench_->start_verifier();
  ASSERT_TRUE(eventually_published(300));
  bench_->stop_verifiers();
  bench_->execute("update verdicts set published_at = null");
  bench_->start_verifier(1);
  EXPECT_TRUE(eventually_published(300));
}

/// Rows of units that are none of a sitting's business, in the tables that grow with the farm: ten
/// thousand of the past, and a thousand that are open.
constexpr const char* kOtherUnits[] = {
    R"(insert into replicas (lease, unit, agent, owner, slot, state, expires_at)
         select 'lease ' || i || ' ' || o, 1000000 + i, 'agent ' || o, 'stranger ' || o, 0, 'reported', now()
           from generate_series(1, 10000) i, generate_series(1, 2) o)",
    R"(insert into results (lease, unit, owner, agent, outcome, judged)
         select lease, unit, owner, agent, 'rendered', 'agreed' from replicas where unit > 1000000)",
    R"(insert into verdicts (lease, unit, decision, reason, published_at)
         select lease, unit, 'pending', '', now() from replicas where unit > 1000000)",
    R"(insert into comparisons (unit, lease_a, lease_b, method, agree, metrics_version)
         select a.unit, a.lease, b.lease, 'same_blob', true, 1
           from replicas a join replicas b on a.unit = b.unit and a.lease < b.lease
          where a.unit > 1000000)",
    R"(insert into units (id, job, frame, replicas_wanted) overriding system value
         select 2000000 + i, id, 1000 + i, 2 from jobs, generate_series(1, 1000) i)",
    R"(insert into replicas (lease, unit, agent, owner, slot, expires_at)
         select 'open ' || id || ' ' || o, id, 'agent ' || o, 'stranger ' || o, 0, now() + interval '1 day'
           from units, generate_series(1, 2) o where id > 2000000)"};

TEST_F(SittingTest, ASittingReadsTheRowsOfItsUnitsAndNoOthers) {
  const auto leases = this->leases(2);
  for (const char* rows : kOtherUnits) bench_->execute(rows);
  const auto count = [&](const char* what) {
    return std::stoll(bench_->query(std::string("select sum(") + what +
                                    ") from pg_stat_user_tables where relname in ('replicas', "
                                    "'results', 'verdicts', 'comparisons', 'units')"));
  };
  ASSERT_TRUE(bench_->eventually([&] { return count("n_tup_ins") >= 73'000; }));
  const auto read_before = count("seq_tup_read + idx_tup_fetch");
  const auto written_before = count("n_tup_ins");
  for (const auto& lease : leases) bench_->render(lease, picture(1));
  bench_->start_verifier(1);
  EXPECT_EQ(bench_->verdict(leases[1]).decision, Decision::accepted);
  // A session tells what it did a second later, all of it together: two results, verdicts, and one
  // comparison.
  ASSERT_TRUE(bench_->eventually([&] { return count("n_tup_ins") >= written_before + 5; }));
  // At its start it looks through what is open for verdicts that nobody heard.
  EXPECT_LT(count("seq_tup_read + idx_tup_fetch") - read_before, 3 * 3000);
}

}  // namespace
}  // namespace worldshare::testing
