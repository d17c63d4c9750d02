#include "shared/ids.h"
#include "shared/messages/ticket.h"
#include "tests/integration/dispatcher_fixture.h"

namespace worldshare::testing {
namespace {

TEST_F(DispatcherTest, LeasesOfAMomentShareASignatureWithAgentsThatTakeIt) {
  FakeAgent one = agent("anna");
  FakeAgent two = agent("bert");
  FakeAgent old = agent("carl");
  one.shared_tickets = two.shared_tickets = true;
  for (FakeAgent* agent : {&one, &two, &old}) agent->beat({0});
  submit(R"({"first": 1, "last": 1})", R"(, "policy": {"replicas": 3, "max_replicas": 5})");
  messages::TicketCheck tickets(broker_->dispatcher().public_key());
  for (FakeAgent* agent : {&one, &two, &old}) {
    auto work = agent->next();
    ASSERT_TRUE(work && work->body.AsAssignment() != nullptr);
    const auto& assignment = *work->body.AsAssignment();
    EXPECT_EQ(assignment.ticket.size(), agent->shared_tickets ? 64 + 33 : 64);
    EXPECT_TRUE(
        tickets.holds({assignment.lease, agent->key.public_key(), assignment.scene->sha256, 1},
                      assignment.ticket));
  }
}

TEST_F(DispatcherTest, GivesAFrameToTwoOwnersWithTicketsThatHold) {
  FakeAgent one = agent("anna");
  FakeAgent two = agent("bert");
  const std::string job = submit(R"({"first": 7, "last": 7})");
  one.beat({0});
  two.beat({0});
  messages::TicketCheck tickets(broker_->dispatcher().public_key());
  std::set<std::string> leases;
  for (FakeAgent* agent : {&one, &two}) {
    auto work = agent->next();
    ASSERT_TRUE(work && work->body.AsAssignment() != nullptr);
    const auto& assignment = *work->body.AsAssignment();
    EXPECT_EQ(assignment.frame, 7);
    EXPECT_TRUE(leases.insert(assignment.lease).second);
    EXPECT_TRUE(
        tickets.holds({assignment.lease, agent->key.public_key(), assignment.scene->sha256, 7},
                      assignment.ticket));
    // The scene comes through the signed URL alone, without a token.
    const auto scene = http::get(assignment.scene_url);
    ASSERT_TRUE(scene);
    EXPECT_EQ(scene->body, tiny_blend());
  }
  EXPECT_EQ(status(job).state, "active");
  EXPECT_EQ(status(job).replicas_in_work, 2U);
}

TEST_F(DispatcherTest, CompletesAJobByItsVerdictsWhateverTheirOrder) {
  FakeAgent one = agent("anna");
  FakeAgent two = agent("bert");
  const std::string job = submit(R"({"first": 1, "last": 1})");
  one.beat({0});
  two.beat({0});
  const std::string first = one.next()->body.AsAssignment()->lease;
  const std::string second = two.next()->body.AsAssignment()->lease;
  verdict(first, wire::Decision::pending, 1);
  verdict(second, wire::Decision::accepted, 2);
  EXPECT_TRUE(eventually([&] { return status(job).state == "completed"; }));
  EXPECT_EQ(status(job).frames_accepted, 1U);
}

TEST_F(DispatcherTest, AFrameShowsTheLpipsOfADisputedPair) {
  FakeAgent one = agent("anna");
  FakeAgent two = agent("bert");
  const std::string job = submit(R"({"first": 1, "last": 1})");
  one.beat({0});
  two.beat({0});
  ASSERT_TRUE(one.next() && two.next());
  const auto comparison = [&] {
    const auto answer = http::get(url_ + "/v1/jobs/" + job + "/frames/1", options_);
    const auto frame = messages::parse_json<wire::FrameStatusT>(answer ? answer->body : "");
    EXPECT_TRUE(frame && frame->comparisons.size() == 1);
    return frame && !frame->comparisons.empty() ? *frame->comparisons[0]
                                                : wire::ComparisonStatusT{};
  };
  auto pg = pg::Connection::open(config_.postgres_conninfo);
  ASSERT_TRUE(
      pg->exec("insert into results (lease, unit, owner, agent, outcome) select lease, unit, "
               "owner, agent, 'rendered' from replicas"));
  ASSERT_TRUE(
      pg->exec("insert into comparisons (unit, lease_a, lease_b, method, psnr_db, ssim, "
               "agree, metrics_version) select min(unit), min(lease), max(lease), "
               "'metrics', 30, 0.9, false, 2 from results"));
  EXPECT_EQ(comparison().psnr_db, 30);
  EXPECT_FALSE(comparison().lpips);
  ASSERT_TRUE(pg->exec("update comparisons set lpips = 0.25, lpips_network = 'alex'"));
  EXPECT_EQ(comparison().lpips, 0.25);
}

TEST_F(DispatcherTest, DisagreementGoesToAThirdOwner) {
  FakeAgent one = agent("anna");
  FakeAgent two = agent("bert");
  FakeAgent three = agent("carl");
  submit(R"({"first": 1, "last": 1})");
  one.beat({0});
  two.beat({0});
  const std::string first = one.next()->body.AsAssignment()->lease;
  const std::string second = two.next()->body.AsAssignment()->lease;
  three.beat({0});
  EXPECT_FALSE(three.next(500ms)) << "two are enough until they disagree";
  verdict(first, wire::Decision::pending, 1);
  verdict(second, wire::Decision::more_replicas, 2, true, 1);
  EXPECT_TRUE(three.next());
}

TEST_F(DispatcherTest, ARestartGivesTheSameLeaseAgainAndNoOther) {
  FakeAgent one = agent("anna");
  submit();
  one.beat({0});
  const auto before = one.next();
  ASSERT_TRUE(before);
  stop();
  start();
  // The agent lost the message with its old life: it lists nothing, so the lease is sent again.
  one.beat({0});
  const auto after = one.next();
  ASSERT_TRUE(after && after->body.AsAssignment() != nullptr);
  EXPECT_EQ(after->body.AsAssignment()->lease, before->body.AsAssignment()->lease);
  one.beat({}, before->body.AsAssignment()->lease);
  EXPECT_FALSE(one.next(1500ms));
}

TEST_F(DispatcherTest, AnExpiredLeaseIsStoppedAndGivenToAnother) {
  stop();
  config_.economy.lease_initial = config_.economy.lease_extend = 1500ms;
  start();
  FakeAgent one = agent("anna");
  submit(R"({"first": 1, "last": 1})", R"(, "policy": {"replicas": 1, "max_replicas": 2})");
  one.beat({0});
  const auto lease = one.next();
  ASSERT_TRUE(lease);
  one.beat({}, lease->body.AsAssignment()->lease);
  auto stop_order = one.next();
  ASSERT_TRUE(stop_order && stop_order->body.AsStop() != nullptr);
  EXPECT_EQ(stop_order->body.AsStop()->lease, lease->body.AsAssignment()->lease);
  FakeAgent two = agent("bert");
  two.beat({0});
  EXPECT_TRUE(two.next());
}

TEST_F(DispatcherTest, SaysWhyAJobWaits) {
  FakeAgent one = agent("anna");
  one.beat({0});
  const std::string job =
      submit(R"({"first": 1, "last": 1})",
             R"(, "requirements": {"blender": "4.2", "features": ["denoise_oidn"]})");
  EXPECT_TRUE(eventually([&] {
    one.beat({0});
    return status(job).waiting == "the scene needs Blender 4.2, the agent has 3.4.1";
  })) << status(job).waiting;
}

TEST_F(DispatcherTest, ARepeatedSubmissionIsTheSameJob) {
  const std::string body = manifest(upload(tiny_blend()));
  const auto first = post(body, "key-1");
  const auto again = post(body, "key-1");
  EXPECT_EQ(first.status, 201U);
  EXPECT_EQ(again.status, 200U);
  EXPECT_EQ(first.body, again.body);
  EXPECT_EQ(
      post(manifest(to_hex(sha256(as_bytes(tiny_blend()))), R"({"first": 1, "last": 3})"), "key-1")
          .status,
      409U);
}

TEST_F(DispatcherTest, RefusesBadSubmissionsWithFieldAndRemedy) {
  EXPECT_NE(post("{}").body.find("\"field\": \"scene\""), std::string::npos) << post("{}").body;
  EXPECT_EQ(post(manifest(std::string(64, 'a'))).status, 404U) << "a scene that nobody uploaded";
  EXPECT_EQ(post(std::string(2U << 20, ' ')).status, 413U);
  const std::string text = "this is a text file, and not a scene that Blender could open";
  ASSERT_EQ(text.size(), tiny_blend().size());
  const auto refused = post(manifest(upload(text)));
  EXPECT_EQ(refused.status, 400U);
  EXPECT_NE(refused.body.find("\"field\": \"scene\""), std::string::npos) << refused.body;
  auto pg = pg::Connection::open(config_.postgres_conninfo);
  EXPECT_EQ(pg->exec("select count(*) from jobs")->integer(0, 0), 0);
}

TEST_F(DispatcherTest, AHundredMegabytesOfJsonAreNotRead) {
  const auto response =
      http::post(url_ + "/v1/jobs", "application/json", std::string(100U << 20, '['), options_);
  // Refused by its length; the sender may see the answer or the closed connection.
  if (response) {
    EXPECT_EQ(response->status, 413U);
  }
  EXPECT_EQ(http::get(url_ + "/health")->status, 200U);
}

TEST_F(DispatcherTest, BlobsAreWhatTheirNameSays) {
  const std::string sha = to_hex(sha256(as_bytes("abc")));
  EXPECT_EQ(http::put(url_ + "/v1/blobs/" + sha, as_bytes("abd"), options_)->status, 400U);
  EXPECT_EQ(http::put(url_ + "/v1/blobs/xyz", as_bytes("abc"), options_)->status, 400U);
  EXPECT_EQ(http::put(url_ + "/v1/blobs/" + sha, as_bytes("abc"))->status, 401U)
      << "without the token";
  EXPECT_EQ(http::get(url_ + "/v1/blobs/" + sha, options_)->status, 404U);
  upload("abc");
  EXPECT_EQ(http::get(url_ + "/v1/blobs/" + sha, options_)->status, 200U)
      << "whoever sent it may read it";
  // An artifact that an agent stored, before a verdict made it a frame of the tenant's.
  const std::string other = stored("xyz");
  EXPECT_EQ(http::get(url_ + "/v1/blobs/" + other, options_)->status, 404U)
      << "neither sent, nor a scene or an output of the tenant's";
  EXPECT_EQ(http::get(url_ + "/v1/jobs/x")->status, 401U);
  EXPECT_EQ(http::get(url_ + "/v1/jobs/x", options_)->status, 404U);
}

TEST_F(DispatcherTest, AnUploadUrlTakesExactlyTheCommittedBytes) {
  FakeAgent one = agent("anna");
  FakeAgent thief = agent("bert");
  submit();
  wire::UploadRequestT request;
  request.lease = assigned(one).lease;
  request.sha256 = to_hex(sha256(as_bytes("image")));
  request.size_bytes = 5;
  const auto ask = [&](FakeAgent& agent) {
    auto reply = agent.nats->request("rpc." + agent.key.public_key() + ".upload",
                                     messages::encode(request), 2000ms);
    EXPECT_TRUE(reply) << reply.error().message;
    return *messages::decode<wire::UploadReplyT>(reply->data());
  };
  EXPECT_EQ(ask(thief).error->code, "not_found");
  const auto granted = ask(one);
  ASSERT_FALSE(granted.error);
  EXPECT_FALSE(granted.present);
  EXPECT_EQ(http::put(granted.url, as_bytes("imagE"))->status, 400U);
  EXPECT_EQ(http::put(granted.url, as_bytes("image and more"))->status, 413U);
  EXPECT_EQ(http::put(granted.url, as_bytes("image"))->status, 201U);
  EXPECT_TRUE(ask(one).present);
}

TEST_F(DispatcherTest, GoesOnAfterPostgresWasAway) {
  FakeAgent one = agent("anna");
  const std::string job = submit();
  postgres_->stop();
  EXPECT_EQ(http::get(url_ + "/v1/jobs/" + job, options_)->status, 503U);
  EXPECT_EQ(http::get(url_ + "/health")->status, 200U) << "it lives";
  EXPECT_EQ(http::get(url_ + "/ready")->status, 503U);
  one.beat({0});
  EXPECT_FALSE(one.next(1500ms)) << "a lease that was not written is not heard of";
  postgres_->restart();
  EXPECT_TRUE(eventually([&] {
    one.beat({0});
    return one.next(100ms).has_value();
  }));
}

TEST_F(DispatcherTest, GoesOnAfterTheBrokerWasAway) {
  FakeAgent one = agent("anna");
  broker_->kill();
  const std::string job = submit();
  ASSERT_FALSE(job.empty()) << "a job is taken without the broker";
  broker_->restart();
  std::optional<wire::WorkT> work;
  EXPECT_TRUE(eventually([&] {
    if (one.nats->connected()) one.beat({0});
    work = one.next(100ms);
    return work.has_value();
  }));
}

TEST(DispatcherStart, NamesTheServiceThatItCannotReach) {
  const TempFolder folder;
  dispatcher::Config config;
  ASSERT_TRUE(NKey::generate().save(folder.path() / "seed"));
  ASSERT_TRUE(write_file_atomically(folder.path() / "secret", std::string(40, 's'), 0600));
  config.nats_seed_file = folder.path() / "seed";
  config.url_secret_file = folder.path() / "secret";
  config.blobs.directory = folder.path() / "blobs";
  config.postgres_conninfo = "host=" + folder.path().string();
  config.startup_wait = 300ms;
  const auto served = dispatcher::serve(config, {});
  ASSERT_FALSE(served);
  EXPECT_EQ(served.error().code, Errc::kUnavailable);
  EXPECT_TRUE(served.error().message.starts_with("cannot reach PostgreSQL"))
      << served.error().message;
}

}  // namespace
}  // namespace worldshare::testing
