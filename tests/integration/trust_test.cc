#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "tests/integration/verifier_bench.h"
#include "verifier/trust/trust_rows.h"

// What the trust engine believes, asks for, takes back and lets operators overrule.

namespace worldshare::testing {
namespace {

using ::testing::HasSubstr;
using wire::Decision;

class TrustTest : public VerifierBenchTest {
 protected:
  wire::VerdictT render(std::int64_t unit, const std::string& owner, const Bytes& artifact) {
    const Lease lease = bench_->lease(unit, bench_->volunteer(owner));
    bench_->render(lease, artifact);
    return bench_->verdict(lease);
  }

  /// A unit that these owners render alike; the last one's verdict.
  wire::VerdictT unit_of(const std::vector<std::string>& owners, const Bytes& artifact) {
    const std::int64_t unit = bench_->unit(2, 9);
    wire::VerdictT last;
    for (const auto& owner : owners) last = render(unit, owner, artifact);
    return last;
  }

  std::string query(const std::string& sql) { return bench_->query(sql); }
  bool becomes(const std::string& sql, const std::string& value) {
    const bool came = bench_->eventually([&] { return query(sql) == value; });
    EXPECT_TRUE(came) << sql << " is " << query(sql);
    return came;
  }
  std::string state(const std::string& owner) {
    return query("select state from trust where owner = '" + owner + "'");
  }
  /// Why PostgreSQL refuses it; empty when it does not.
  std::string refusal(const std::string& sql) {
    auto connection = pg::Connection::open(bench_->config().postgres_conninfo);
    const auto done = connection->exec(sql.c_str());
    return done ? "" : done.error().message;
  }

  /// Founding policy, every unit with a canary. Two owners agree on a wrong picture, and one of
  /// them misses a canary later. The unit with the wrong picture.
  std::int64_t expose_one_of_a_colluding_pair() {
    bench_->use_policy("founding", 0.5);
    bench_->start_verifier(1);
    const std::int64_t wrong = bench_->unit(2, 5);
    render(wrong, "villain", picture(66));
    EXPECT_EQ(render(wrong, "accomplice", picture(66)).decision, Decision::accepted);
    const std::int64_t other = bench_->unit(2, 5);
    render(other, "honest", picture(2));
    EXPECT_EQ(render(other, "upright", picture(2)).decision, Decision::accepted);
    EXPECT_EQ(render(other, "villain", picture(66)).decision, Decision::pending);
    EXPECT_EQ(state("villain"), "banned");
    becomes("select kind || ' ' || wanted from reissues where state = 'open' and unit = " +
                std::to_string(wrong),
            "doubt 3");
    return wrong;
  }
};

/// 600 accepted units of the last job: more than one look back doubts at once.
constexpr const char* kManyOfTwo[] = {
    R"(insert into units (job, frame, replicas_wanted, state)
         select id, 1000 + i, 2, 'accepted' from jobs, generate_series(1, 600) i)",
    R"(insert into replicas (lease, unit, agent, owner, slot, state, expires_at)
         select 'lease ' || u.id || ' ' || a.owner, u.id, a.id, a.owner, 0, 'reported', now()
           from units u, agents a where u.frame > 1000 and a.owner in ('villain', 'accomplice'))",
    R"(insert into results (lease, unit, owner, agent, outcome, artifact, size_bytes, judged)
         select lease, unit, owner, agent, 'rendered', 'a picture', 5, 'agreed' from replicas
          where lease like 'lease %')",
    R"(insert into outputs (unit, job, frame, artifact, size_bytes)
         select id, job, frame, 'a picture', 5 from units where frame > 1000)"};

const std::vector<std::string> kFour{"ann", "bob", "cyd", "dan"};

TEST_F(TrustTest, StrangersConfirmEachOtherUntilTheyAreKnown) {
  bench_->use_policy("replicated");
  bench_->start_verifier(1);
  const std::int64_t unit = bench_->unit(2, 5);
  EXPECT_EQ(render(unit, "ann", picture(1)).decision, Decision::pending) << "two were asked for";
  const auto second = render(unit, "bob", picture(1));
  EXPECT_EQ(second.decision, Decision::more_replicas);
  EXPECT_EQ(second.replicas_needed, 1);
  EXPECT_THAT(second.reason, HasSubstr("the chance that the picture is wrong is put at"));
  EXPECT_EQ(render(unit, "cyd", picture(1)).decision, Decision::more_replicas);
  EXPECT_EQ(render(unit, "dan", picture(1)).decision, Decision::accepted);
  EXPECT_EQ(query("select count(*) from trust where ok > 0.99 and bad = 0"), "4");
  EXPECT_EQ(query("select count(*) from trust_events where kind = 'checked'"), "4");
  EXPECT_EQ(
      query("select policy || ' ' || (risk < 1e-4) from verdicts where decision = 'accepted'"),
      "replicated true");
  for (unsigned i = 2; i < 8; ++i) unit_of(kFour, picture(i));
  EXPECT_EQ(unit_of({"ann", "bob"}, picture(9)).decision, Decision::accepted);
  EXPECT_EQ(query("select vetted >= 3 from trust_prior"), "t");
  EXPECT_EQ(query("select sum(amount_ms) from ledger"), "0");
}

TEST_F(TrustTest, WhoIsOutvotedTwiceIsExcludedAndHasNoOpinionAnyMore) {
  bench_->use_policy("standard");
  bench_->start_verifier(1);
  for (unsigned i = 1; i < 9; ++i) unit_of(kFour, picture(i));
  for (unsigned i = 20; i < 22; ++i) {
    const std::int64_t unit = bench_->unit(2, 9);
    render(unit, "eve", picture(100 + i));
    for (const auto& owner : kFour) render(unit, owner, picture(i));
  }
  EXPECT_EQ(state("eve"), "banned");
  EXPECT_THAT(query("select reason from trust where owner = 'eve'"), HasSubstr("count as bad"));
  EXPECT_EQ(query("select count(*) from trust_events where owner = 'eve' and kind = 'banned'"),
            "1");
  EXPECT_EQ(query("select excluded from trust_prior"), "1");
  const auto late = render(bench_->unit(2, 9), "eve", picture(30));
  EXPECT_FALSE(late.counts);
  EXPECT_EQ(late.decision, Decision::more_replicas);
  EXPECT_THAT(late.reason, HasSubstr("its owner is excluded"));
  EXPECT_THAT(query("select policy from verdicts where decision = 'accepted' limit 1"),
              HasSubstr("standard, by whole replicas: it cannot be audited: the manifest"));
  EXPECT_EQ(query("select count(*) from credit where owner = 'eve'"), "0");
}

TEST_F(TrustTest, ACanaryPaysTheHonestAndExcludesTheCheater) {
  bench_->use_policy("founding", 0.5);
  bench_->start_verifier(1);
  const std::int64_t unit = bench_->unit(2, 5);
  render(unit, "ann", picture(1));
  render(unit, "bob", picture(1));
  EXPECT_EQ(query("select kind || ' ' || wanted || ' ' || state from reissues"), "canary 3 open");
  const auto answer = render(unit, "cyd", picture(1));
  EXPECT_TRUE(answer.counts);
  EXPECT_EQ(query("select state from reissues"), "confirmed");
  EXPECT_EQ(query("select count(*) from credit where owner = 'cyd'"), "1");
  const std::int64_t next = bench_->unit(2, 5);
  render(next, "ann", picture(2));
  render(next, "bob", picture(2));
  const Lease lease = bench_->lease(next, bench_->volunteer("eve"));
  bench_->render(lease, picture(3));
  bench_->verdict(lease);
  bench_->send(lease, bench_->rendered(lease, picture(3)), "once more");
  EXPECT_EQ(state("eve"), "banned");
  EXPECT_EQ(query("select canaries_missed from trust where owner = 'eve'"), "1");
  EXPECT_EQ(query("select state from reissues order by id desc limit 1"), "missed");
  EXPECT_EQ(query("select count(*) from outputs o join results r on r.artifact = o.artifact where "
                  "r.owner = 'eve'"),
            "0");
  EXPECT_EQ(query("select count(*) from credit where owner = 'eve'"), "0");
}

TEST_F(TrustTest, WhatRestedOnAnExcludedOwnerIsOverturnedAndItsCreditTakenBack) {
  const std::int64_t unit = expose_one_of_a_colluding_pair();
  EXPECT_EQ(render(unit, "honest", picture(1)).decision, Decision::more_replicas);
  EXPECT_EQ(query("select wanted from reissues where state = 'open' and kind = 'doubt'"), "4");
  const auto last = render(unit, "upright", picture(1));
  EXPECT_EQ(last.decision, Decision::overturned);
  EXPECT_EQ(last.artifact, to_hex(sha256(picture(1))));
  EXPECT_EQ(query("select artifact from outputs where unit = " + std::to_string(unit)),
            last.artifact);
  EXPECT_EQ(query("select state from reissues where kind = 'doubt'"), "overturned");
  EXPECT_EQ(query("select count(*) from ledger where kind = 'reversed'"), "4");
  EXPECT_EQ(query("select count(*) from credit where owner in ('villain', 'accomplice')"), "0");
  EXPECT_EQ(query("select count(*) from credit where owner in ('honest', 'upright')"), "4");
  EXPECT_EQ(query("select sum(amount_ms) from ledger"), "0");
  EXPECT_EQ(query("select count(*) from verdicts where decision = 'accepted' and unit = " +
                  std::to_string(unit)),
            "1");
  EXPECT_EQ(query("select judged from results where owner = 'accomplice'"), "rejected");
}

TEST_F(TrustTest, ADoubtThatOthersDispelChangesNothing) {
  const std::int64_t unit = expose_one_of_a_colluding_pair();
  const auto answer = render(unit, "honest", picture(66));
  EXPECT_EQ(answer.decision, Decision::pending);
  EXPECT_THAT(answer.reason, HasSubstr("confirmed"));
  EXPECT_EQ(query("select state from reissues where kind = 'doubt'"), "confirmed");
  EXPECT_EQ(query("select count(*) from ledger where kind = 'reversed'"), "0");
  EXPECT_EQ(query("select count(*) from credit where owner = 'honest'"), "2");
}

TEST_F(TrustTest, ALookBackAtManyUnitsThatWereDoubtedBeforeEnds) {
  bench_->unit(2, 5);
  for (const char* owner : {"villain", "accomplice"}) bench_->volunteer(owner);
  for (const char* rows : kManyOfTwo) bench_->execute(rows);
  bench_->start_verifier(1);
  for (const std::string owner : {"villain", "accomplice"}) {
    bench_->execute("insert into overrules (owner, action, operator, reason) values ('" + owner +
                    "', 'ban', 'olga', 'it colludes')");
    becomes("select reviewed_at is not null from trust where owner = '" + owner + "'", "t");
    EXPECT_EQ(query("select count(*) from reissues i join trust t on t.owner = '" + owner +
                    "' where i.state = 'open' and i.kind = 'doubt' and i.made_at >= t.excluded_at"),
              "600");
  }
  EXPECT_EQ(query("select count(*) from reissues"), "600");
  EXPECT_EQ(render(bench_->unit(2, 5), "honest", picture(1)).decision, Decision::pending);
}

TEST_F(TrustTest, AnOperatorReadmitsAndBansOnTheRecord) {
  expose_one_of_a_colluding_pair();
  bench_->execute(
      "insert into overrules (owner, action, operator, reason) values ('villain', "
      "'readmit', 'olga', 'a faulty disk, replaced')");
  becomes("select state from trust where owner = 'villain'", "active");
  EXPECT_EQ(query("select ok + bad + canaries_missed from trust where owner = 'villain'"), "0");
  EXPECT_EQ(query("select reason from trust_events where kind = 'readmitted'"),
            "operator olga: a faulty disk, replaced");
  EXPECT_EQ(query("select state_before from overrules_done"), "banned");
  bench_->execute(
      "insert into overrules (owner, action, operator, reason) values ('villain', "
      "'ban', 'olga', 'again')");
  becomes("select state || ' ' || reason from trust where owner = 'villain'",
          "banned operator olga: again");
  EXPECT_EQ(query("select count(*) from overrules_done"), "2");
}

/// The look back at an owner finds nothing of what is accepted after it.
TEST_F(TrustTest, WhatWasDecidedOnAnOwnerWhoWasExcludedMeanwhileIsDecidedAnew) {
  for (const char* owner : {"ann", "villain"}) bench_->volunteer(owner);
  bench_->execute("insert into trust (owner, state) values ('villain', 'banned')");
  auto connection = pg::Connection::open(bench_->config().postgres_conninfo);
  const auto written = [&](const std::set<std::string>& relied_on) {
    auto transaction = pg::Transaction::begin(*connection);
    return verifier::change_trust(*transaction, {}, {{"ann", {1, 0, 0}}, {"villain", {0, 1, 0}}},
                                  {}, relied_on);
  };
  const auto refused = written({"ann", "villain"});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::kConflict);
  EXPECT_TRUE(written({"ann"}));
}

TEST_F(TrustTest, AnOperatorAppointsAndRelievesOnTheRecord) {
  bench_->start_verifier(1);
  bench_->volunteer("olga");
  const auto order = [&](const std::string& action) {
    bench_->execute("insert into overrules (owner, action, operator, reason) values ('olga', '" +
                    action + "', 'olga', 'in our rack')");
  };
  const std::string standing = "select state || ' ' || trusted from trust where owner = 'olga'";
  order("appoint");
  becomes(standing, "active true");
  order("ban");
  becomes("select state from trust where owner = 'olga'", "banned");
  order("readmit");
  becomes(standing, "active true");
  order("relieve");
  becomes(standing, "active false");
  becomes(
      "select string_agg(o.action, ' ' order by o.id) from overrules o join overrules_done d on "
      "d.overrule = o.id",
      "appoint ban readmit relieve");
}

TEST_F(TrustTest, TheLedgerTakesOnlyWhatBalancesAndForgetsNothing) {
  bench_->start_verifier(1);
  unit_of({"ann", "bob"}, picture(1));
  EXPECT_EQ(query("select count(*) || ' ' || sum(amount_ms) from ledger"), "4 0");
  EXPECT_EQ(query("select sum(amount_ms) from ledger where account = 'owner'"), "25000");
  EXPECT_EQ(query("select sum(amount_ms) from ledger where account = 'job'"), "-25000");
  const auto reversed = [](const char* owner, const char* amount) {
    return std::string("insert into postings select lease, 'reversed', ") + owner + ", job, " +
           amount + " from postings where kind = 'earned'";
  };
  EXPECT_THAT(refusal(reversed("owner", "amount_ms")), HasSubstr("not of what was earned"));
  EXPECT_THAT(refusal(reversed("'ann'", "-amount_ms")), HasSubstr("not of what was earned"));
  EXPECT_THAT(refusal("update postings set amount_ms = 0"), HasSubstr("only added to"));
  EXPECT_THAT(refusal("delete from postings"), HasSubstr("only added to"));
  EXPECT_EQ(refusal(reversed("owner", "-amount_ms")), "");
  EXPECT_EQ(query("select count(*) from credit"), "0");
  EXPECT_EQ(query("select count(*) || ' ' || sum(amount_ms) from ledger"), "8 0");
  EXPECT_NE(refusal(reversed("owner", "-amount_ms")), "") << "a result is reversed once";
}

TEST_F(TrustTest, StandingsAreTheSumOfTheirEventsWhoeverJudged) {
  bench_->use_policy("replicated");
  std::vector<Lease> all;
  for (int i = 0; i < 40; ++i) {
    const std::int64_t unit = bench_->unit(2, 9);
    for (const auto& owner : kFour) {
      all.push_back(bench_->lease(unit, bench_->volunteer(owner)));
      bench_->render(all.back(), picture(1));
    }
  }
  for (int i = 0; i < 3; ++i) bench_->start_verifier();
  becomes("select count(published_at) from verdicts", "160");
  EXPECT_EQ(query("select count(*) from verdicts where decision = 'accepted'"), "40");
  EXPECT_EQ(query("select sum(amount_ms) from ledger"), "0");
  EXPECT_EQ(query("select count(distinct (owner, unit)) - count(*) from trust_events"), "0");
  for (const auto& owner : kFour) {
    auto connection = pg::Connection::open(bench_->config().postgres_conninfo);
    const auto events =
        connection->exec("select ok from trust_events where owner = $1 order by id", {owner});
    double ok = 0;
    for (int row = 0; row < events->size(); ++row) ok = 0.995 * ok + events->real(row, 0);
    const auto kept = connection->exec("select ok from trust where owner = $1", {owner});
    EXPECT_NEAR(kept->real(0, 0), ok, 1e-9);
  }
}

TEST_F(TrustTest, APolicyThatIsNotThereOrImpossibleStopsTheVerifier) {
  auto config = bench_->config();
  config.trust_policy = "lenient";
  EXPECT_THAT(config.check().error().message, HasSubstr("trust.policy: there is no 'lenient'"));
  config.trust_policy = "founding";
  EXPECT_TRUE(config.check());
  bench_->use_policy("founding", 1.5);
  EXPECT_THAT(config.check().error().message, HasSubstr("trust.policies_file"));
  EXPECT_THAT(config.check().error().message, HasSubstr("canaries.rate"));
}

}  // namespace
}  // namespace worldshare::testing
