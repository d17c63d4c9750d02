#include <gtest/gtest.h>

#include <array>
#include <optional>
#include <thread>

#include "dispatcher/collector.h"
#include "dispatcher/nodes/upload_room.h"
#include "shared/blobs/reference_lock.h"
#include "tests/integration/dispatcher_fixture.h"

// What rows say of blobs: which are collected, what a tenant may keep, what an agent may hand in.

namespace worldshare::testing {
namespace {

using dispatcher::Collector;

std::string name_of(const std::string& bytes) { return to_hex(sha256(as_bytes(bytes))); }

/// Scenes of one size, a hundred of them.
std::string scene_number(int n) {
  std::string out = tiny_blend();
  out[10] = static_cast<char>('0' + n / 10 % 10);
  out[11] = static_cast<char>('0' + n % 10);
  return out;
}

class BlobRows : public DispatcherTest {
 protected:
  void SetUp() override {
    config_.blob_grace = grace_;
    config_.artifact_limit_bytes = 100;
    config_.open_upload_bytes = 100;
    DispatcherTest::SetUp();
    pg_ = std::make_unique<pg::Connection>(
        std::move(*pg::Connection::open(config_.postgres_conninfo)));
    lead(static_cast<std::uint64_t>(number("select epoch from leadership")));
  }
  void lead(std::uint64_t epoch) {
    dispatcher::Board::Notice notice;
    notice.leader = true;
    notice.figures.epoch = epoch;
    board_.post(std::move(notice));
  }
  std::int64_t number(const char* sql, std::initializer_list<pg::Param> params = {}) {
    const auto rows = pg_->exec(sql, params);
    EXPECT_TRUE(rows) << rows.error().message;
    return rows && !rows->empty() ? rows->integer(0, 0) : -1;
  }
  blobs::Store store() const { return blobs::Store::open(config_.blobs.directory).value(); }
  bool holds(const std::string& sha) const { return store().size(sha).has_value(); }
  /// Looks at all blobs once.
  void collect() {
    Collector collector(config_, std::move(*pg::Connection::open(config_.postgres_conninfo)),
                        store(), clock_, board_);
    Result<bool> last = false;
    while (last && !*last) last = collector.look_on();
    EXPECT_TRUE(last) << last.error().message;
  }
  /// Somebody waits for a blob's lock.
  bool somebody_waits() {
    return eventually([&] {
      return number("select count(*) from pg_locks where locktype = 'advisory' and not granted") >
             0;
    });
  }
  http::Response put(const std::string& bytes) {
    return http::put(url_ + "/v1/blobs/" + name_of(bytes), as_bytes(bytes), options_).value();
  }

  const SystemClock clock_;
  dispatcher::Board board_;
  std::unique_ptr<pg::Connection> pg_;
  std::chrono::milliseconds grace_{0};  ///< blobs.grace_seconds
};

TEST_F(BlobRows, WhatNoRowRefersToIsCollectedAndNothingElse) {
  FakeAgent one = agent("anna");
  submit();
  wire::UploadRequestT request;
  request.lease = assigned(one).lease;
  request.sha256 = stored("committed");
  request.size_bytes = 9;
  ASSERT_TRUE(one.nats->request("rpc." + one.key.public_key() + ".upload",
                                messages::encode(request), 2000ms));
  const std::string reported = stored("reported");
  const std::string output = stored("output");
  ASSERT_TRUE(
      pg_->exec("insert into results (lease, unit, owner, agent, outcome, artifact) "
                "select lease, unit, owner, agent, 'rendered', $1 from replicas",
                {reported}));
  ASSERT_TRUE(
      pg_->exec("insert into outputs (unit, job, frame, artifact, size_bytes) "
                "select id, job, frame, $1, 6 from units limit 1",
                {output}));
  const std::string compared = stored("compared");
  const std::string map = stored("map");
  ASSERT_TRUE(
      pg_->exec("with v as (insert into verifications (id, tenant, title, same_class) select 'v', "
                "id, '', false from "
                "tenants limit 1 returning id), p as (insert into verification_pictures select id, "
                "1, $1 from v) "
                "insert into verification_pairs (verification, a, b, method, agree, heat_map) "
                "select id, 1, 2, "
                "'metrics', true, $2 from v",
                {compared, map}));
  const std::string orphan = stored("orphan");
  const std::string unused = upload(scene_number(7));

  config_.blob_grace = 3'600'000ms;
  collect();
  EXPECT_TRUE(holds(orphan) && holds(unused)) << "both are young";
  config_.blob_grace = 0ms;
  collect();
  EXPECT_FALSE(holds(orphan));
  EXPECT_FALSE(holds(unused));
  EXPECT_TRUE(holds(name_of(tiny_blend()))) << "a job's scene";
  EXPECT_TRUE(holds(request.sha256)) << "a lease committed to it";
  EXPECT_TRUE(holds(reported));
  EXPECT_TRUE(holds(output));
  EXPECT_TRUE(holds(compared) && holds(map)) << "a verification is of them";
  EXPECT_EQ(board_.collected().blobs, 2U);
  EXPECT_EQ(board_.collected().bytes, 6U + tiny_blend().size());
  EXPECT_EQ(post(manifest(unused)).status, 404U) << "it has to be sent again";
  upload(scene_number(7));
  EXPECT_EQ(post(manifest(unused)).status, 201U);
}

TEST_F(BlobRows, TheCollectorWaitsForWhoIsAboutToRefer) {
  const std::string sha = upload(tiny_blend());
  auto transaction = pg::Transaction::begin(*pg_);
  ASSERT_TRUE(transaction->exec(blobs::kLockToRefer, {pg::array(std::vector{sha})}));
  ASSERT_TRUE(
      transaction->exec("insert into scenes (sha256, size_bytes, name, blender) values "
                        "($1, 1, 'x', '3.4')",
                        {sha}));
  std::thread collecting([&] { collect(); });
  auto watcher = pg::Connection::open(config_.postgres_conninfo);
  EXPECT_TRUE(eventually([&] {
    const auto rows =
        watcher->exec("select count(*) from pg_locks where locktype = 'advisory' and not granted");
    return rows && rows->integer(0, 0) > 0;
  }));
  ASSERT_TRUE(transaction->commit());
  collecting.join();
  EXPECT_TRUE(holds(sha));
  EXPECT_EQ(board_.collected().blobs, 0U);
}

TEST_F(BlobRows, WhoRefersToWhatIsBeingCollectedHearsThatItIsGone) {
  const std::string sha = upload(tiny_blend());
  auto collecting = pg::Connection::open(config_.postgres_conninfo);
  auto transaction = pg::Transaction::begin(*collecting);
  ASSERT_TRUE(transaction->exec(blobs::kLockToRemove, {pg::array(std::vector{sha})}));
  unsigned status = 0;
  std::thread submitting([&] { status = post(manifest(sha)).status; });
  EXPECT_TRUE(somebody_waits());
  ASSERT_TRUE(store().remove(sha));
  ASSERT_TRUE(transaction->commit());
  submitting.join();
  EXPECT_EQ(status, 404U);
  EXPECT_EQ(number("select count(*) from jobs"), 0);
  EXPECT_EQ(number("select count(*) from scenes"), 0);
}

TEST_F(BlobRows, SubmissionsAndTheCollectorRaceAndNoJobLosesItsScene) {
  int accepted = 0;
  for (int i = 0; i < 40; ++i) {
    const std::string scene = scene_number(i);
    const std::string sha = upload(scene);
    unsigned status = 0;
    std::thread submitting([&] { status = post(manifest(sha)).status; });
    collect();
    submitting.join();
    EXPECT_TRUE(status == 201U || status == 404U) << status;
    EXPECT_EQ(holds(sha), status == 201U) << "scene " << i;
    accepted += status == 201U ? 1 : 0;
  }
  EXPECT_EQ(number("select count(*) from jobs"), accepted);
}

TEST_F(BlobRows, ADeposedLeaderRemovesNothing) {
  const std::string orphan = stored("orphan");
  lead(0);
  Collector collector(config_, std::move(*pg::Connection::open(config_.postgres_conninfo)), store(),
                      clock_, board_);
  EXPECT_EQ(collector.look_on().error().code, Errc::kUnavailable);
  EXPECT_TRUE(holds(orphan));
}

TEST_F(BlobRows, TheLeaderCollectsByItselfAndSaysSo) {
  stop();
  const std::string orphan = stored("orphan");
  config_.collect_every = 50ms;
  start();
  EXPECT_TRUE(eventually([&] { return !holds(orphan); }));
  EXPECT_TRUE(eventually([&] {
    const auto text = http::get(url_ + "/metrics", options_)->body;
    return text.contains("worldshare_blobs_collected_total 1\n") &&
           text.contains("worldshare_blobs_collected_bytes_total 6\n");
  }));
}

TEST_F(BlobRows, ATenantKeepsNoMoreThanItsQuota) {
  submit();
  const auto kept = static_cast<std::int64_t>(tiny_blend().size());
  ASSERT_TRUE(pg_->exec("update tenants set max_stored_bytes = $1", {kept + 100}));
  const auto refused = put(std::string(101, 'a'));
  EXPECT_EQ(refused.status, 403U);
  EXPECT_TRUE(refused.body.contains("urn:worldshare:problem:quota-exceeded")) << refused.body;
  EXPECT_TRUE(refused.body.contains("max_stored_bytes")) << refused.body;
  const auto begun = http::post(url_ + "/v1/uploads", "", "", options_,
                                {{"Tus-Resumable", "1.0.0"},
                                 {"Upload-Length", "101"},
                                 {"Upload-Metadata", "sha256 " + to_base64(name_of("x"))}});
  EXPECT_EQ(begun->status, 403U) << begun->body;
  EXPECT_EQ(put(tiny_blend()).status, 201U) << "what it keeps already is no more";

  // Of two that fit alone, together one is too much.
  std::array<unsigned, 2> status{};
  {
    std::jthread a([&] { status[0] = put(std::string(60, 'a')).status; });
    std::jthread b([&] { status[1] = put(std::string(60, 'b')).status; });
  }
  std::ranges::sort(status);
  EXPECT_EQ(status, (std::array{201U, 403U}));

  ASSERT_TRUE(pg_->exec("update tenants set max_stored_bytes = 10"));
  const auto job = post(manifest(name_of(tiny_blend())));
  EXPECT_EQ(job.status, 403U);
  EXPECT_TRUE(job.body.contains("urn:worldshare:problem:quota-exceeded")) << job.body;
}

TEST_F(BlobRows, AcceptedFramesCountForTheQuota) {
  submit();
  FakeAgent one = agent("anna");
  one.beat({0});
  ASSERT_TRUE(one.next());
  const auto kept = static_cast<std::int64_t>(tiny_blend().size());
  ASSERT_TRUE(pg_->exec("update tenants set max_stored_bytes = $1", {kept + 100}));
  ASSERT_TRUE(
      pg_->exec("insert into outputs (unit, job, frame, artifact, size_bytes) "
                "select id, job, frame, $1, 90 from units limit 1",
                {name_of("output")}));
  EXPECT_EQ(put(std::string(11, 'a')).status, 403U);
  EXPECT_EQ(put(std::string(10, 'a')).status, 201U);
}

/// An agent with two leases.
class UploadRoomRows : public BlobRows {
 protected:
  UploadRoomRows() { grace_ = 24h * 7; }
  void SetUp() override {
    BlobRows::SetUp();
    agent_.emplace(agent("anna"));
    submit();
    agent_->beat({0, 1});
    for (auto& lease : leases_) {
      const auto work = agent_->next();
      ASSERT_TRUE(work);
      lease = work->body.AsAssignment()->lease;
    }
  }
  std::string ask(std::size_t lease, const std::string& bytes) {
    wire::UploadRequestT request;
    request.lease = leases_[lease];
    request.sha256 = name_of(bytes);
    request.size_bytes = bytes.size();
    const auto reply = agent_->nats->request("rpc." + agent_->key.public_key() + ".upload",
                                             messages::encode(request), 2000ms);
    EXPECT_TRUE(reply);
    const auto answer = messages::decode<wire::UploadReplyT>(reply->data());
    return answer->error ? answer->error->code : std::string("ok");
  }

  std::optional<FakeAgent> agent_;
  std::array<std::string, 2> leases_;
};

TEST_F(UploadRoomRows, AnAgentFillsNoMoreThanItsRoom) {
  const std::string a(40, 'a');
  EXPECT_EQ(ask(0, a), "ok");
  EXPECT_EQ(ask(0, a), "ok") << "again is no more";
  EXPECT_EQ(ask(1, std::string(61, 'b')), "denied");
  EXPECT_EQ(ask(1, std::string(50, 'b')), "ok");
  EXPECT_EQ(ask(0, std::string(40, 'c')), "denied") << "what it was given before still counts";
  EXPECT_EQ(ask(0, a), "ok");
}

TEST_F(UploadRoomRows, WhatIsGivenWithoutALookAtTheRowsCountsToo) {
  for (char n = 0; n < 10; ++n)
    EXPECT_EQ(ask(n % 2, std::string(10, static_cast<char>('a' + n))), "ok") << int{n};
  EXPECT_EQ(ask(0, std::string(1, 'z')), "denied");
  EXPECT_EQ(number("select sum(asked_bytes) from replicas"), 100);
  // A report makes room, which nothing tells but the rows.
  ASSERT_TRUE(pg_->exec("update replicas set state = 'reported' where lease = $1", {leases_[1]}));
  EXPECT_EQ(ask(0, std::string(50, 'y')), "ok");
  EXPECT_EQ(ask(0, std::string(1, 'x')), "denied");
}

TEST_F(UploadRoomRows, WhatCameToNothingCountsAsLongAsItMayBeStored) {
  EXPECT_EQ(ask(0, std::string(60, 'a')), "ok");
  ASSERT_TRUE(pg_->exec("update replicas set state = 'expired', ended_at = now() where lease = $1",
                        {leases_[0]}));
  EXPECT_EQ(ask(1, std::string(50, 'b')), "denied") << "its lease was handed back";
  EXPECT_EQ(ask(0, std::string(50, 'c')), "denied")
      << "nor has a lease that is over room of its own";
  ASSERT_TRUE(pg_->exec("update replicas set ended_at = now() - interval '8 days' where lease = $1",
                        {leases_[0]}));
  EXPECT_EQ(ask(1, std::string(50, 'b')), "ok");
}

TEST(UploadRoom, AsksOnceForEachAgentAndAgainWhenAQuarterIsGiven) {
  dispatcher::UploadRoom room(400);
  EXPECT_FALSE(room.has_room("anna", 1)) << "nothing is known of her";
  room.learn("anna", 30);
  EXPECT_TRUE(room.has_room("anna", 70));
  EXPECT_FALSE(room.has_room("anna", 1));
  EXPECT_FALSE(room.has_room("bert", 1));
  room.learn("anna", 99);
  EXPECT_TRUE(room.has_room("anna", 1));
  EXPECT_FALSE(room.has_room("anna", ~std::uint64_t{0})) << "no sum is wrapped around";
}

}  // namespace
}  // namespace worldshare::testing
