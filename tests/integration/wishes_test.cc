#include "tests/integration/dispatcher_fixture.h"

// What the trust engine asks of the dispatcher in its tables, and what people can see of it.

namespace worldshare::testing {
namespace {

constexpr const char* kOneReplica = R"(, "policy": {"replicas": 1, "max_replicas": 2})";

class WishesTest : public DispatcherTest {
 protected:
  /// Goes on so; before there are agents.
  void pair_after_commit() {
    stop();
    config_.economy.pair_after_commit = true;
    start();
  }
  std::string query(const std::string& sql) {
    auto pg = pg::Connection::open(config_.postgres_conninfo);
    const auto rows = pg->exec(sql.c_str());
    EXPECT_TRUE(rows) << rows.error().message;
    return rows && !rows->empty() ? rows->str(0, 0) : "";
  }
  /// As the verifier writes and says it.
  void judged(const std::string& lease, wire::Decision decision, unsigned opinions) {
    query(
        "insert into results (lease, unit, owner, agent, outcome, judged) select lease, unit, "
        "owner, agent, 'rendered', 'agreed' from replicas where lease = '" +
        lease + "'");
    verdict(lease, decision, opinions);
  }
  std::string unit_of(const std::string& lease) {
    return query("select unit from replicas where lease = '" + lease + "'");
  }
  http::Response post(const std::string& path, const std::string& body) {
    auto response = http::post(url_ + path, "application/json", body, options_);
    EXPECT_TRUE(response) << response.error().message;
    return response ? *response : http::Response{};
  }
  template <class Answer>
  Answer get(const std::string& path) {
    const auto response = http::get(url_ + path, options_);
    auto parsed = messages::parse_json<Answer>(response ? response->body : "");
    EXPECT_TRUE(parsed) << (response ? response->body : "no answer");
    return parsed ? std::move(*parsed) : Answer{};
  }
};

TEST_F(WishesTest, AReissuedUnitGoesToAnotherOwnerThoughItsJobHasEnded) {
  FakeAgent one = agent("anna");
  FakeAgent two = agent("bert");
  const std::string job = submit(R"({"first": 1, "last": 1})", kOneReplica);
  const auto work = assigned(one);
  judged(work.lease, wire::Decision::accepted, 1);
  ASSERT_TRUE(eventually([&] { return status(job).state == "completed"; }));
  const std::string unit = unit_of(work.lease);
  query("insert into reissues (unit, kind, wanted) values (" + unit + ", 'doubt', 2)");
  one.beat({0});
  const auto again = assigned(two);
  EXPECT_EQ(again.frame, work.frame);
  EXPECT_NE(again.lease, work.lease);
  EXPECT_EQ(unit_of(again.lease), unit);
  EXPECT_FALSE(one.next(500ms)) << "its owner has rendered it";
  // A restart in between loses nothing.
  stop();
  start();
  two.beat({});
  const auto resent = two.next();
  ASSERT_TRUE(resent && resent->body.AsAssignment() != nullptr);
  EXPECT_EQ(resent->body.AsAssignment()->lease, again.lease);
  query("update reissues set state = 'confirmed'");
  judged(again.lease, wire::Decision::pending, 2);
  EXPECT_TRUE(eventually([&] {
    return query("select state from replicas where lease = '" + again.lease + "'") == "reported";
  }));
  EXPECT_EQ(status(job).state, "completed");
  EXPECT_EQ(status(job).frames_accepted, 1U);
  EXPECT_EQ(query("select state from units"), "accepted");
}

TEST_F(WishesTest, AnAuditGoesToAnotherOwnerAsAnAssignmentAndOutlivesARestart) {
  pair_after_commit();
  FakeAgent one = agent("anna");
  FakeAgent two = agent("bert");
  const std::string job = submit(R"({"first": 1, "last": 1})");
  const auto work = assigned(one);
  EXPECT_FALSE(work.audit);
  query(
      "insert into results (lease, unit, owner, agent, outcome) select lease, unit, owner, agent, "
      "'rendered' from replicas");
  query(
      "insert into audits (unit, target, seed, tiles, samples, cost) select unit, lease, 9, 16, "
      "32, 0.05 from replicas");
  verdict(work.lease, wire::Decision::pending, 1);
  one.beat({0});
  const auto audit = assigned(two);
  EXPECT_EQ(audit.frame, work.frame);
  EXPECT_EQ(unit_of(audit.lease), unit_of(work.lease));
  ASSERT_TRUE(audit.audit);
  EXPECT_EQ(audit.audit->samples, 4U) << "an eighth of the samples";
  ASSERT_GE(audit.audit->tiles.size(), 9U);
  EXPECT_FALSE(one.next(500ms)) << "nobody audits himself";
  EXPECT_EQ(query("select audit is not null from replicas where lease = '" + audit.lease + "'"),
            "t");
  stop();
  start();
  two.beat({});
  const auto resent = two.next();
  ASSERT_TRUE(resent && resent->body.AsAssignment() != nullptr);
  ASSERT_TRUE(resent->body.AsAssignment()->audit);
  EXPECT_EQ(resent->body.AsAssignment()->audit->tiles.size(), audit.audit->tiles.size());
  EXPECT_EQ(resent->body.AsAssignment()->audit->tiles[3]->x0, audit.audit->tiles[3]->x0);
  query(
      "insert into results (lease, unit, owner, agent, outcome, judged, audit) select lease, unit, "
      "owner, agent, 'rendered', 'agreed', audit from replicas where audit is not null");
  query("update audits set state = 'passed', lease = '" + audit.lease + "', finding = 'nothing'");
  verdict(audit.lease, wire::Decision::accepted, 1);
  ASSERT_TRUE(eventually([&] { return status(job).state == "completed"; }));
  const auto shown = get<wire::UnitVerdictsT>("/v1/units/" + unit_of(work.lease) + "/verdicts");
  ASSERT_EQ(shown.audits.size(), 1U);
  EXPECT_EQ(shown.audits[0]->owner, "anna");
  EXPECT_EQ(shown.audits[0]->auditor, "bert");
  EXPECT_EQ(shown.audits[0]->state, "passed");
  EXPECT_EQ(shown.replicas.size(), 1U) << "an audit is no replica";
}

TEST_F(WishesTest, AnAuditorWhoCouldNotTellIsGivenAReplicaOfTheUnit) {
  pair_after_commit();
  FakeAgent one = agent("anna");
  FakeAgent two = agent("bert");
  submit(R"({"first": 1, "last": 1})");
  const auto work = assigned(one);
  query(
      "insert into results (lease, unit, owner, agent, outcome) select lease, unit, owner, agent, "
      "'rendered' from replicas");
  query(
      "insert into audits (unit, target, seed, tiles, samples, cost) select unit, lease, 9, 16, "
      "32, 0.05 from replicas");
  verdict(work.lease, wire::Decision::pending, 1);
  const auto audit = assigned(two);
  ASSERT_TRUE(audit.audit);
  query(
      "insert into results (lease, unit, owner, agent, outcome, audit) select lease, unit, owner, "
      "agent, 'void', audit from replicas where audit is not null");
  query("update audits set state = 'unable', lease = '" + audit.lease + "'");
  verdict(audit.lease, wire::Decision::more_replicas, 2, false);
  ASSERT_TRUE(eventually([&] { return query("select replicas_wanted from units") == "2"; }));
  one.beat({0});
  two.beat({0});
  const auto replica = assigned(two);
  EXPECT_FALSE(replica.audit);
  EXPECT_EQ(unit_of(replica.lease), unit_of(work.lease));
  EXPECT_EQ(query("select string_agg(state, ' ' order by leased_at) from replicas"),
            "reported void leased");
}

TEST_F(WishesTest, AnExcludedOwnersLeasesEndAndItGetsNoMoreUntilItIsReadmitted) {
  FakeAgent one = agent("anna");
  FakeAgent two = agent("bert");
  submit(R"({"first": 1, "last": 1})", kOneReplica);
  const auto work = assigned(one);
  query(
      "insert into trust (owner, state, reason, excluded_at) values ('anna', 'banned', "
      "'it missed canaries', now())");
  const auto order = one.next();
  ASSERT_TRUE(order && order->body.AsStop() != nullptr);
  EXPECT_EQ(order->body.AsStop()->lease, work.lease);
  EXPECT_EQ(query("select state from replicas where lease = '" + work.lease + "'"), "expired");
  EXPECT_EQ(query("select standing || ' ' || standing_reason from agents where owner = 'anna'"),
            "disabled its owner is excluded: it missed canaries");
  one.beat({0});
  EXPECT_EQ(assigned(two).frame, work.frame) << "its unit goes to somebody else";
  submit(R"({"first": 7, "last": 7})", kOneReplica);
  one.beat({0});
  EXPECT_FALSE(one.next(1000ms));
  query("update trust set state = 'active', reason = ''");
  one.beat({0});
  const auto next = one.next();
  ASSERT_TRUE(next && next->body.AsAssignment() != nullptr);
  EXPECT_EQ(next->body.AsAssignment()->frame, 7);
}

TEST_F(WishesTest, TheSecondReplicaWaitsForTheFirstOnesResultWhereThatIsAskedFor) {
  pair_after_commit();
  FakeAgent one = agent("anna");
  FakeAgent two = agent("bert");
  submit(R"({"first": 1, "last": 1})");
  const auto work = assigned(one);
  two.beat({0});
  EXPECT_FALSE(two.next(1000ms));
  EXPECT_EQ(query("select replicas_wanted from units"), "1");
  verdict(work.lease, wire::Decision::more_replicas, 1, true, 1);
  EXPECT_TRUE(two.next());
}

TEST_F(WishesTest, PeopleSeeWhyAndOperatorsOverruleOnTheRecord) {
  FakeAgent one = agent("anna");
  submit(R"({"first": 1, "last": 1})", kOneReplica);
  const auto work = assigned(one);
  judged(work.lease, wire::Decision::accepted, 1);
  const std::string unit = unit_of(work.lease);
  query("insert into verdicts (unit, lease, decision, reason, policy, risk) values (" + unit +
        ", '" + work.lease + "', 'accepted', '4 renderings agree', 'replicated', 5e-5)");
  query("insert into trust (owner, malice, ok) values ('anna', 0.02, 7)");
  query("insert into trust_events (owner, kind, ok, unit, reason) values ('anna', 'checked', 1, " +
        unit + ", 'others agreed with it')");
  const auto verdicts = get<wire::UnitVerdictsT>("/v1/units/" + unit + "/verdicts");
  ASSERT_EQ(verdicts.verdicts.size(), 1U);
  EXPECT_EQ(verdicts.verdicts[0]->policy, "replicated");
  EXPECT_EQ(verdicts.verdicts[0]->owner, "anna");
  ASSERT_EQ(verdicts.replicas.size(), 1U);
  EXPECT_EQ(verdicts.replicas[0]->state, "agreed");
  EXPECT_EQ(http::get(url_ + "/v1/units/9999/verdicts", options_)->status, 404U);
  EXPECT_EQ(http::get(url_ + "/v1/units/x/verdicts", options_)->status, 400U);

  auto trust = get<wire::OwnerTrustT>("/v1/trust/anna");
  EXPECT_EQ(trust.state, "active");
  EXPECT_EQ(trust.ok, 7);
  ASSERT_EQ(trust.events.size(), 1U);
  EXPECT_EQ(trust.events[0]->reason, "others agreed with it");
  EXPECT_EQ(http::get(url_ + "/v1/trust/nobody", options_)->status, 404U);
  const std::string path = "/v1/trust/anna/overrule";
  EXPECT_EQ(post(path, R"({"action": "ban", "operator": "olga"})").status, 400U);
  EXPECT_EQ(post(path, R"({"operator": "olga", "reason": "x"})").status, 400U);
  EXPECT_EQ(
      post("/v1/trust/nobody/overrule", R"({"action": "ban", "operator": "olga", "reason": "x"})")
          .status,
      404U);
  EXPECT_EQ(post(path, R"({"action": "ban", "operator": "olga", "reason": "x"})").status, 200U);
  trust = get<wire::OwnerTrustT>("/v1/trust/anna");
  ASSERT_EQ(trust.overrules.size(), 1U);
  EXPECT_EQ(trust.overrules[0]->action, "ban");
  EXPECT_EQ(trust.overrules[0]->operator_, "olga");
  EXPECT_EQ(trust.overrules[0]->state_before, "") << "the verifier has not carried it out";
}

/// The past of a job, in the tables that grow with the farm: ten thousand frames, of which each is
/// long accepted, and one owner's picture of one frame is looked at again.
constexpr const char* kPast[] = {
    "insert into units (job, frame, replicas_wanted, state) select id, 1000 + i, 1, 'accepted' "
    "from "
    "jobs, generate_series(1, 10000) i",
    "insert into replicas (lease, unit, agent, owner, slot, state, expires_at) select 'past ' || "
    "id, id, 'a past agent', 'somebody', 0, 'reported', now() from units where state = 'accepted'",
    "insert into results (lease, unit, owner, agent, outcome, judged) select lease, unit, owner, "
    "agent, 'rendered', 'agreed' from replicas where state = 'reported'",
    "insert into verdicts (lease, unit, decision, reason, published_at) select lease, unit, "
    "'accepted', '', now() from results",
    "insert into outputs (unit, job, frame, artifact, size_bytes) select id, job, frame, '', 1 "
    "from "
    "units where state = 'accepted'",
    "insert into reissues (unit, kind, wanted) select min(id), 'canary', 2 from units where state "
    "= "
    "'accepted'"};

TEST_F(WishesTest, WhatIsLongDoneIsNotReadAgain) {
  FakeAgent one = agent("anna");
  FakeAgent two = agent("bert");
  submit(R"({"first": 1, "last": 3})", kOneReplica);
  const auto first = assigned(one);
  for (const char* rows : kPast) query(rows);
  const auto count = [&](const std::string& what, const std::string& where) {
    return std::stoll(query("select sum(" + what + ") from pg_stat_user_tables where " + where));
  };
  ASSERT_TRUE(eventually(
      [&] { return count("n_tup_ins", "relname in ('outputs', 'reissues')") >= 10'001; }));
  const auto read = [&] {
    return count("seq_tup_read + idx_tup_fetch",
                 "relname in ('units', 'replicas', 'results', 'verdicts', 'outputs')");
  };
  // Each look at the trust engine's wishes begins with what is open of these.
  const auto looks = [&] {
    return count("seq_scan + coalesce(idx_scan, 0)", "relname = 'reissues'");
  };
  const auto read_before = read();
  const auto looks_before = looks();
  judged(first.lease, wire::Decision::accepted, 1);
  const auto canary = assigned(two);
  EXPECT_GE(canary.frame, 2);
  for (int look = 1; look <= 3; ++look)
    ASSERT_TRUE(eventually([&] { return looks() >= looks_before + look; }));
  EXPECT_LT(read() - read_before, 1000);
}

}  // namespace
}  // namespace worldshare::testing
