#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/integration/verifier_bench.h"

// Audits as a running verifier orders, judges and pays them. Leases of audits as the dispatcher
// writes them; who audits honestly hands in the right picture, as one would who renders all of it.

namespace worldshare::testing {
namespace {

using ::testing::HasSubstr;
using wire::Decision;

class TrustAuditTest : public VerifierBenchTest {
 protected:
  void SetUp() override {
    VerifierBenchTest::SetUp();
    bench_->use_policy("standard");
  }

  void start() {
    auto config = bench_->config();
    config.audit_cost = 0.05;
    config.workers = 2;
    bench_->start_verifier(config);
  }

  /// Of a job whose scene was analysed.
  std::int64_t unit() {
    const std::int64_t unit = bench_->unit(2, 5);
    bench_->execute(R"(update jobs set manifest = manifest || '{"sharding": {"samples": 32}}')");
    bench_->execute("update units set replicas_wanted = 1");
    return unit;
  }

  Lease render(std::int64_t unit, const std::string& owner, const Bytes& artifact) {
    const Lease lease = bench_->lease(unit, bench_->volunteer(owner));
    bench_->render(lease, artifact);
    return lease;
  }

  /// Of the n-th audit of all.
  Lease audit_lease(std::int64_t unit, const std::string& owner, int n) {
    const Lease lease = bench_->lease(unit, bench_->volunteer(owner));
    bench_->execute("update replicas set audit = " + std::to_string(n) + " where lease = '" +
                    lease.id + "'");
    return lease;
  }

  wire::VerdictT audit(std::int64_t unit, const std::string& owner, int n, const Bytes& artifact) {
    const Lease lease = audit_lease(unit, owner, n);
    bench_->render(lease, artifact);
    return bench_->verdict(lease);
  }

  std::string query(const std::string& sql) { return bench_->query(sql); }
};

TEST_F(TrustAuditTest, AFrameIsAcceptedWithOneRenderAndWhoAuditedItIsPaidOnce) {
  start();
  const std::int64_t frame = unit();
  const Lease first = render(frame, "ann", picture(1));
  const auto asked = bench_->verdict(first);
  EXPECT_EQ(asked.decision, Decision::pending);
  EXPECT_THAT(asked.reason, HasSubstr("rendered by ann; waiting for 3 audits"));
  ASSERT_EQ(query("select count(*) from audits where state = 'open' and target = '" + first.id +
                  "' and tiles = 256 and samples = 32 and cost = 0.05"),
            "3");
  EXPECT_EQ(query("select count(distinct seed) from audits"), "3");
  EXPECT_EQ(query("select chosen || ' ' || frames || ' ' || frame_seconds from job_checks"),
            "audits 1 12.5");
  // The same result under another id orders nothing more, also of another verifier.
  bench_->send(first, bench_->rendered(first, picture(1)), "again");
  EXPECT_EQ(audit(frame, "bob", 1, picture(1)).decision, Decision::pending);
  bench_->stop_verifiers();
  start();
  EXPECT_EQ(audit(frame, "cyd", 2, picture(1)).decision, Decision::pending);
  const Lease last = audit_lease(frame, "dan", 3);
  bench_->render(last, picture(1));
  const auto accepted = bench_->verdict(last);
  EXPECT_EQ(accepted.decision, Decision::accepted);
  EXPECT_EQ(accepted.opinions, 1);
  EXPECT_THAT(accepted.reason,
              HasSubstr("rendered by ann, audited by bob, cyd and dan: nothing was found"));
  bench_->send(last, bench_->rendered(last, picture(1)), "again too");
  EXPECT_EQ(audit(frame, "eva", 3, picture(1)).decision, Decision::pending) << "too late";
  EXPECT_EQ(query("select count(*) from audits"), "3");
  EXPECT_EQ(query("select string_agg(owner, ' ' order by owner) from credit"), "ann bob cyd dan");
  EXPECT_EQ(query("select sum(amount_ms) from ledger"), "0");
  EXPECT_EQ(query("select count(*) from outputs"), "1");
  EXPECT_EQ(query("select string_agg(owner, ' ') from trust_events"), "ann")
      << "an audit says something of who was audited";
  EXPECT_EQ(query("select count(*) from audits where state = 'passed' and differing = 0 and "
                  "wrong_tiles = 0"),
            "3");
  EXPECT_THAT(query("select policy from verdicts where decision = 'accepted'"),
              HasSubstr("standard, by audits: an audit costs 0.05 of a frame of 12.5 s"));
}

TEST_F(TrustAuditTest, ACheaterIsCaughtAndItsFrameRenderedByAnother) {
  start();
  const std::int64_t frame = unit();
  bench_->verdict(render(frame, "eve", picture(66)));
  for (int n = 1; n <= 2; ++n) {
    EXPECT_EQ(audit(frame, "early" + std::to_string(n), n, picture(1)).decision, Decision::pending);
  }
  const auto doubted = audit(frame, "early3", 3, picture(1));
  EXPECT_EQ(doubted.decision, Decision::more_replicas);
  EXPECT_EQ(doubted.opinions + doubted.replicas_needed, 2);
  EXPECT_EQ(query("select count(*) from trust_events"), "0") << "an audit alone blames nobody";
  EXPECT_EQ(query("select count(*) from audits where state = 'failed' and finding like '%tiles%'"),
            "3");
  bench_->verdict(render(frame, "ann", picture(1)));
  wire::VerdictT last;
  for (int n = 1; n <= 6 && last.decision != Decision::accepted; ++n) {
    const std::string open = query("select min(id) from audits where state = 'open'");
    ASSERT_FALSE(open.empty()) << last.reason;
    last = audit(frame, "late" + std::to_string(n), std::stoi(open), picture(1));
  }
  EXPECT_EQ(last.decision, Decision::accepted) << last.reason;
  EXPECT_EQ(query("select artifact from outputs"), to_hex(sha256(picture(1))));
  EXPECT_EQ(query("select count(*) from credit where owner = 'eve'"), "0");
  EXPECT_EQ(query("select count(*) from credit where owner like 'early%'"), "3");
  EXPECT_EQ(query("select bad > 0.8 from trust where owner = 'eve'"), "t");
  EXPECT_EQ(query("select sum(amount_ms) from ledger"), "0");
}

TEST_F(TrustAuditTest, WhatCannotBeAuditedFallsBackForTheWholeJobAndSaysWhy) {
  start();
  const std::int64_t frame = unit();
  bench_->verdict(render(frame, "ann", picture(1)));
  const Lease refused = audit_lease(frame, "bob", 1);
  auto result = bench_->failed(refused, "not_auditable");
  result.error = "Frames of this scene are not audited because of: the compositor's node Blur.";
  bench_->send(refused, result);
  const auto verdict = bench_->verdict(refused);
  EXPECT_EQ(verdict.decision, Decision::more_replicas);
  EXPECT_FALSE(verdict.counts) << "no opinion";
  bench_->execute("update replicas set state = 'void' where lease = '" + refused.id + "'");
  EXPECT_THAT(query("select unauditable from job_checks"), HasSubstr("node Blur"));
  EXPECT_EQ(query("select chosen from job_checks"), "replicas");
  EXPECT_EQ(query("select string_agg(state, ' ' order by id) from audits"),
            "unable dropped dropped");
  for (const char* owner : {"dan", "eva", "bob"}) bench_->verdict(render(frame, owner, picture(1)));
  EXPECT_EQ(query("select count(*) from outputs"), "1");
  EXPECT_EQ(
      query("select outcome || ' ' || judged from results where lease = '" + refused.id + "'"),
      "void failed");
  EXPECT_EQ(query("select count(*) from credit where owner = 'bob'"), "1") << "for its render";
  EXPECT_EQ(query("select count(*) from audits"), "3") << "and no other result is audited";
}

TEST_F(TrustAuditTest, ManyVerifiersOrderEachAuditOnce) {
  for (int n = 0; n < 3; ++n) start();
  std::vector<std::int64_t> frames;
  for (int n = 0; n < 20; ++n) frames.push_back(unit());
  std::vector<Lease> leases;
  for (const auto frame : frames) leases.push_back(render(frame, "ann", picture(1)));
  for (const auto& lease : leases) bench_->verdict(lease);
  // Most get three, some two, by a number of their own.
  EXPECT_EQ(query("select count(distinct target) from audits"), "20");
  EXPECT_EQ(
      query("select count(*) from (select target from audits group by target having count(*) not "
            "in (2, 3)) odd"),
      "0");
  const int ordered = std::stoi(query("select count(*) from audits"));
  for (int n = 1; n <= 3; ++n) {
    leases.clear();
    for (const auto frame : frames) {
      const auto id = query("select min(id) from audits where state = 'open' and unit = " +
                            std::to_string(frame));
      if (id.empty()) continue;
      leases.push_back(audit_lease(frame, "auditor" + std::to_string(n), std::stoi(id)));
      bench_->render(leases.back(), picture(1));
    }
    for (const auto& lease : leases) bench_->verdict(lease);
  }
  EXPECT_EQ(query("select count(*) from outputs"), "20");
  EXPECT_EQ(query("select count(*) from audits where state <> 'passed'"), "0");
  EXPECT_EQ(query("select count(*) from credit"), std::to_string(20 + ordered));
  EXPECT_EQ(query("select sum(amount_ms) from ledger"), "0");
}

}  // namespace
}  // namespace worldshare::testing
