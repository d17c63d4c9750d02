#include "tests/integration/dispatcher_fixture.h"

// Split units, from the job to the frame that is put together of two halves.

namespace worldshare::testing {
namespace {

constexpr const char* kHalvable =
    R"(, "policy": {"replicas": 2, "max_replicas": 4}, "sharding": {"samples": 64},)"
    R"( "estimate": {"seconds_per_frame": 60, "fixed_seconds": 1})";

class HalvesTest : public DispatcherTest {
 protected:
  void SetUp() override {
    config_.economy.split_samples = true;
    DispatcherTest::SetUp();
    trusted_.emplace(agent("farm"));
    query("insert into trust (owner, trusted) values ('farm', true)");
    one_.emplace(agent("anna"));
    two_.emplace(agent("bert"));
    stop();
    start();
    trusted_->beat({});
    for (int n = 0; n < 10; ++n) busy_.push_back(agent("busy" + std::to_string(n)));
    for (auto& agent : busy_) agent.beat({});
    ASSERT_TRUE(
        eventually([&] { return query("select count(*) from agents where online") == "11"; }));
    job_ = submit(R"({"first": 1, "last": 1})", kHalvable);
    first_ = assigned(*one_);
    second_ = assigned(*two_);
  }

  std::string query(const std::string& sql) {
    auto pg = pg::Connection::open(config_.postgres_conninfo);
    const auto rows = pg->exec(sql.c_str());
    EXPECT_TRUE(rows) << rows.error().message;
    return rows && !rows->empty() ? rows->str(0, 0) : "";
  }

  static std::string samples(const wire::AssignmentT& work) {
    const auto shard = messages::shard_of(work);
    EXPECT_TRUE(shard) << shard.error().message;
    return shard ? messages::shard_text(*shard) : "";
  }

  void judged(const wire::AssignmentT& work, wire::Decision decision, unsigned opinions) {
    query(
        "insert into results (lease, unit, owner, agent, outcome, judged) select lease, unit, "
        "owner, agent, 'rendered', 'agreed' from replicas where lease = '" +
        work.lease + "'");
    verdict(work.lease, decision, opinions);
  }

  std::optional<FakeAgent> trusted_;
  std::vector<FakeAgent> busy_;  ///< volunteers
  std::optional<FakeAgent> one_;
  std::optional<FakeAgent> two_;
  std::string job_;
  wire::AssignmentT first_;
  wire::AssignmentT second_;
};

TEST_F(HalvesTest, TwoOwnersGetAHalfEachAlsoAfterARestartAndTheFrameCountsWhenItIsMade) {
  EXPECT_EQ(samples(first_), "frame=1 samples=0+32/64");
  EXPECT_EQ(samples(second_), "frame=1 samples=32+32/64");
  EXPECT_EQ(query("select string_agg(half::text, ',' order by leased_at, half) from replicas"),
            "0,1");
  EXPECT_EQ(query("select split::text || parts || shard from units"), "true2");
  EXPECT_EQ(query("select count(*) from divided_frames where parts = 2"), "1");
  judged(first_, wire::Decision::pending, 1);
  stop();
  start();
  two_->beat({});
  const auto resent = two_->next();
  ASSERT_TRUE(resent && resent->body.AsAssignment() != nullptr);
  EXPECT_EQ(samples(*resent->body.AsAssignment()), "frame=1 samples=32+32/64");
  EXPECT_EQ(resent->body.AsAssignment()->ticket, second_.ticket);
  query(
      "insert into audits (unit, target, seed, tiles, samples, cost) select unit, lease, 9, 16, "
      "64, 0.05 from replicas where half = 0");
  verdict(second_.lease, wire::Decision::pending, 2);
  FakeAgent three = agent("carl");
  const auto audit = assigned(three);
  ASSERT_TRUE(audit.audit);
  EXPECT_EQ(samples(audit), "frame=1 samples=0+32/64");
  EXPECT_EQ(audit.audit->samples, 4U) << "an eighth of 32";
  EXPECT_EQ(query("select half from replicas where audit is not null"), "0");
  query("update audits set state = 'passed'");
  judged(audit, wire::Decision::accepted, 2);
  ASSERT_TRUE(eventually([&] { return query("select state from units") == "accepted"; }));
  EXPECT_EQ(status(job_).frames_accepted, 0U);
  query("insert into assemblies (job, frame, state) select id, 1, 'made' from jobs");
  EXPECT_TRUE(eventually([&] { return status(job_).state == "completed"; }));
  EXPECT_EQ(status(job_).frames_accepted, 1U);
  query("insert into reissues (unit, kind, wanted) select id, 'doubt', 3 from units");
  one_->beat({0});
  EXPECT_FALSE(one_->next(2500ms)) << "split units are not looked at again";
}

TEST_F(HalvesTest, ASplitFrameThatFailedIsSplitAgain) {
  judged(first_, wire::Decision::pending, 1);
  judged(second_, wire::Decision::failed, 2);
  ASSERT_TRUE(eventually([&] { return status(job_).state == "failed"; }));
  EXPECT_EQ(status(job_).frames_failed, 1U);
  const auto done = http::post(url_ + "/v1/jobs/" + job_ + "/control", "application/json",
                               R"({"action": "requeue"})", options_);
  EXPECT_EQ(done->status, 200U) << done->body;
  const std::set<std::string> again{samples(assigned(*one_)), samples(assigned(*two_))};
  EXPECT_EQ(again, (std::set<std::string>{"frame=1 samples=0+32/64", "frame=1 samples=32+32/64"}));
  EXPECT_EQ(query("select count(*) from units where state = 'open' and split and parts = 2"), "1");
}

}  // namespace
}  // namespace worldshare::testing
