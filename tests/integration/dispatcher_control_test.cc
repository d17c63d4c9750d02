#include "tests/integration/dispatcher_fixture.h"

namespace worldshare::testing {
namespace {

constexpr const char* kOneReplica = R"(, "policy": {"replicas": 1, "max_replicas": 2})";

class ControlTest : public DispatcherTest {
 protected:
  http::Response control(const std::string& job, const std::string& body) {
    auto response =
        http::post(url_ + "/v1/jobs/" + job + "/control", "application/json", body, options_);
    EXPECT_TRUE(response) << response.error().message;
    return response ? *response : http::Response{};
  }
  std::string get(const std::string& path) {
    auto response = http::get(url_ + path, options_);
    return response && response->status == 200 ? response->body : "";
  }
};

TEST_F(ControlTest, ACancelledJobStopsItsAgentsAtOnceAndPublishesNothingMore) {
  FakeAgent one = agent("anna");
  const std::string job = submit(R"({"first": 1, "last": 5})", kOneReplica);
  const std::string lease = assigned(one).lease;
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(control(job, R"({"action": "cancel"})").status, 200U);
  const auto order = one.next(1000ms);
  ASSERT_TRUE(order && order->body.AsStop() != nullptr);
  EXPECT_EQ(order->body.AsStop()->lease, lease);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 1s);
  // A result that was on its way is judged, and changes nothing of the job.
  verdict(lease, wire::Decision::accepted, 1);
  one.beat({0});
  EXPECT_FALSE(one.next(1500ms));
  EXPECT_EQ(status(job).state, "cancelled");
  EXPECT_EQ(status(job).frames_accepted, 0U);
  EXPECT_EQ(control(job, R"({"action": "cancel"})").status, 200U) << "again is no error";
  EXPECT_EQ(control(job, R"({"action": "resume"})").status, 409U);
  EXPECT_EQ(control(job, R"({"action": "requeue"})").status, 409U);
}

TEST_F(ControlTest, APausedJobResumesWhereItStood) {
  FakeAgent one = agent("anna");
  const std::string job = submit(R"({"first": 1, "last": 5})", kOneReplica);
  const auto first = assigned(one);
  EXPECT_EQ(first.frame, 1);
  EXPECT_EQ(control(job, R"({"action": "pause"})").status, 200U);
  EXPECT_EQ(status(job).state, "paused");
  verdict(first.lease, wire::Decision::accepted, 1);
  EXPECT_TRUE(eventually([&] { return status(job).frames_accepted == 1; }))
      << "what was in work is finished";
  one.beat({0});
  EXPECT_FALSE(one.next(1000ms));
  EXPECT_EQ(status(job).waiting, "it is paused");
  EXPECT_EQ(control(job, R"({"action": "resume"})").status, 200U);
  const auto next = one.next();
  ASSERT_TRUE(next && next->body.AsAssignment() != nullptr);
  EXPECT_EQ(next->body.AsAssignment()->frame, 5) << "the second of the preview";
}

TEST_F(ControlTest, ARangeGrowsAndAFrameComesFirst) {
  FakeAgent one = agent("anna");
  const std::string job = submit(R"({"first": 1, "last": 4})", kOneReplica);
  auto work = assigned(one);
  EXPECT_EQ(control(job, R"({"action": "extend", "last": 6})").status, 200U);
  EXPECT_EQ(control(job, R"({"action": "first", "frame": 6})").status, 200U);
  EXPECT_EQ(control(job, R"({"action": "first", "frame": 3})").status, 200U);
  EXPECT_EQ(status(job).frames, 6U);
  std::vector<std::int32_t> frames{work.frame};
  for (int i = 0; i < 5; ++i) {
    verdict(work.lease, wire::Decision::accepted, 1);
    // The slot is known to be free: the verdict alone brings the next frame.
    auto next = one.next();
    ASSERT_TRUE(next && next->body.AsAssignment() != nullptr);
    work = *next->body.AsAssignment();
    frames.push_back(work.frame);
  }
  verdict(work.lease, wire::Decision::accepted, 1);
  EXPECT_EQ(frames, (std::vector<std::int32_t>{1, 3, 6, 4, 2, 5}));
  EXPECT_TRUE(eventually([&] { return status(job).state == "completed"; }));
}

TEST_F(ControlTest, FailedFramesAreRenderedAgainWhenAsked) {
  FakeAgent one = agent("anna");
  const std::string job = submit(R"({"first": 1, "last": 1})", kOneReplica);
  verdict(assigned(one).lease, wire::Decision::failed, 1);
  EXPECT_TRUE(eventually([&] { return status(job).state == "failed"; }));
  const auto done = control(job, R"({"action": "requeue"})");
  EXPECT_NE(done.body.find("\"changed\": 1"), std::string::npos) << done.body;
  const auto again = assigned(one);
  EXPECT_EQ(again.frame, 1);
  verdict(again.lease, wire::Decision::accepted, 1);
  EXPECT_TRUE(eventually([&] { return status(job).state == "completed"; }));
  EXPECT_EQ(status(job).frames_failed, 0U);
  EXPECT_NE(get("/v1/jobs/" + job + "/units").find("replaced"), std::string::npos);
}

TEST_F(ControlTest, SaysWhatIsWrongWithARequest) {
  const std::string job = submit(R"({"first": 1, "last": 4})");
  EXPECT_EQ(control("nobody", R"({"action": "pause"})").status, 404U);
  EXPECT_EQ(control(job, "{}").status, 400U);
  EXPECT_EQ(control(job, R"({"action": "explode"})").status, 400U);
  EXPECT_EQ(control(job, R"({"action": "priority", "priority": 101})").status, 400U);
  const auto backwards = control(job, R"({"action": "extend", "last": 2})");
  EXPECT_EQ(backwards.status, 400U);
  EXPECT_NE(backwards.body.find("\"field\": \"last\""), std::string::npos) << backwards.body;
  EXPECT_EQ(control(job, R"({"action": "first", "frame": 9})").status, 400U);
  EXPECT_EQ(control(job, R"({"action": "priority", "priority": 95})").status, 200U);
  EXPECT_NE(get("/v1/jobs").find("\"priority\": 95"), std::string::npos);
}

TEST_F(ControlTest, AJobComesAfterAnother) {
  FakeAgent one = agent("anna");
  const std::string first = submit(R"({"first": 1, "last": 1})", kOneReplica);
  const std::string after = R"(, "schedule": {"priority": 99, "after": [")";
  const std::string second =
      submit(R"({"first": 8, "last": 8})", kOneReplica + after + first + R"("]})");
  const auto work = assigned(one);
  EXPECT_EQ(work.frame, 1);
  EXPECT_EQ(status(second).waiting, "it comes after job " + first);
  verdict(work.lease, wire::Decision::accepted, 1);
  const auto next = one.next();
  ASSERT_TRUE(next && next->body.AsAssignment() != nullptr);
  EXPECT_EQ(next->body.AsAssignment()->frame, 8);
  const auto unknown =
      post(manifest(to_hex(sha256(as_bytes(tiny_blend()))), R"({"first": 1, "last": 1})",
                    after + std::string(26, 'a') + R"("]})"));
  EXPECT_EQ(unknown.status, 400U) << "a job can only name jobs that are there: no circles";
}

TEST_F(ControlTest, ATenantHasNoMoreJobsThanItMay) {
  submit();
  auto pg = pg::Connection::open(config_.postgres_conninfo);
  ASSERT_TRUE(pg->exec("update tenants set max_jobs = 2"));
  submit();
  EXPECT_EQ(post(manifest(to_hex(sha256(as_bytes(tiny_blend()))))).status, 409U);
}

TEST_F(ControlTest, ADisabledAgentGetsNothingAndIsToldWhy) {
  FakeAgent one = agent("anna");
  const std::string name = one.key.public_key();
  const auto order = [&](const std::string& body) {
    return http::post(url_ + "/v1/nodes/" + name + "/control", "application/json", body, options_)
        ->status;
  };
  EXPECT_EQ(order(R"({"action": "disable", "reason": "its room is rebuilt"})"), 200U);
  submit();
  one.beat({0});
  EXPECT_FALSE(one.next(1000ms));
  auto hello = one.nats->request("rpc." + name + ".hello", {}, 2000ms);
  ASSERT_TRUE(hello);
  EXPECT_EQ(messages::decode<wire::HelloReplyT>(hello->data())->notice,
            "this agent is disabled: its room is rebuilt");
  EXPECT_NE(get("/v1/nodes").find("its room is rebuilt"), std::string::npos);
  EXPECT_EQ(order(R"({"action": "label", "labels": ["attic"]})"), 200U);
  EXPECT_EQ(order(R"({"action": "enable"})"), 200U);
  EXPECT_TRUE(one.next()) << "it said before that its slot is free";
  EXPECT_EQ(http::post(url_ + "/v1/nodes/x/control", "application/json", R"({"action": "enable"})",
                       options_)
                ->status,
            404U);
}

TEST_F(ControlTest, MetricsAndQueueTellHowThingsStand) {
  FakeAgent one = agent("anna");
  submit(R"({"first": 1, "last": 9})");
  assigned(one);
  EXPECT_TRUE(eventually([&] {
    const std::string text = get("/metrics");
    return text.find("worldshare_leases 1\n") != std::string::npos &&
           text.find("worldshare_queue_frames{tenant=\"local\"} 8\n") != std::string::npos &&
           text.find("worldshare_dispatch_seconds_count 1\n") != std::string::npos;
  })) << get("/metrics");
  EXPECT_NE(get("/v1/queue").find("\"frames_waiting\": 8"), std::string::npos);
  EXPECT_EQ(http::get(url_ + "/metrics")->status, 401U);
}

}  // namespace
}  // namespace worldshare::testing
