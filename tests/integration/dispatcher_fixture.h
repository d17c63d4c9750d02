#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "dispatcher/nodes/enrolment.h"
#include "dispatcher/service.h"
#include "shared/blobs/store.h"
#include "shared/files.h"
#include "shared/http/client.h"
#include "shared/messages/messages.h"
#include "shared/messages/verdicts.h"
#include "tests/support/nats_server.h"
#include "tests/support/postgres_server.h"

namespace worldshare::testing {

using namespace std::chrono_literals;

inline constexpr const char* kToken = "token-of-the-test";

/// The smallest file that passes for a .blend: a head, an empty description and the end mark.
inline std::string tiny_blend() {
  const std::string empty_block(20, '\0');
  return "BLENDER-v304DNA1" + empty_block + "ENDB" + empty_block;
}

inline bool eventually(const std::function<bool()>& condition) {
  for (int i = 0; i < 400; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(25ms);
  }
  return false;
}

/// An enrolled agent that says what the test tells it to say.
struct FakeAgent {
  NKey key;
  std::unique_ptr<nats::Connection> nats;
  nats::Subscription mailbox;
  std::uint64_t sequence = 0;
  bool shared_tickets = false;

  void beat(std::vector<std::uint32_t> free, const std::string& lease = "") {
    wire::AgentStateT state;
    state.agent = key.public_key();
    state.sequence = ++sequence;
    state.shared_tickets = shared_tickets;
    state.capabilities = std::make_unique<wire::CapabilitiesT>();
    state.capabilities->blender = "3.4.1";
    state.capabilities->engines = {wire::Engine::cycles};
    state.free_slots = std::move(free);
    if (!lease.empty()) {
      auto held = std::make_unique<wire::LeaseProgressT>();
      held->lease = lease;
      held->phase = wire::LeasePhase::rendering;
      state.leases.push_back(std::move(held));
    }
    ASSERT_TRUE(nats->publish("hb." + key.public_key(), messages::encode(state)));
  }

  /// What comes into the mailbox within `time`.
  std::optional<wire::WorkT> next(std::chrono::milliseconds time = 5000ms) {
    auto message = mailbox.next(time);
    if (!message || !*message) return std::nullopt;
    auto work = messages::decode<wire::WorkT>((*message)->data());
    EXPECT_TRUE(work) << work.error().message;
    return std::move(*work);
  }
};

class DispatcherTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { postgres_ = PostgresServer::start(); }
  static void TearDownTestSuite() { postgres_.reset(); }

  void SetUp() override {
    broker_ = NatsServer::start();
    broker_->provision();
    ASSERT_TRUE(broker_->dispatcher().save(folder_.path() / "dispatcher.seed"));
    ASSERT_TRUE(write_file_atomically(folder_.path() / "token", kToken, 0600));
    ASSERT_TRUE(write_file_atomically(folder_.path() / "secret", std::string(40, 's'), 0600));
    config_.http_port = free_port();
    config_.api_token_file = folder_.path() / "token";
    config_.url_secret_file = folder_.path() / "secret";
    config_.blobs.directory = folder_.path() / "blobs";
    config_.nats_url = broker_->url();
    config_.nats_seed_file = folder_.path() / "dispatcher.seed";
    config_.postgres_conninfo = postgres_->fresh_database();
    config_.economy.heartbeat = 500ms;
    config_.economy.sibling_hold = 0ms;
    config_.economy.pair_after_commit = false;
    config_.startup_wait = 5000ms;
    config_.open_requests_per_second = 0;  // tests of refusals send many from one address
    url_ = "http://127.0.0.1:" + std::to_string(config_.http_port);
    options_.bearer_token = kToken;
    start();
  }

  void TearDown() override { stop(); }

  void start() {
    stop_ = std::stop_source();
    thread_ = std::jthread([this, stop = stop_.get_token()] {
      const auto served = dispatcher::serve(config_, stop);
      EXPECT_TRUE(served) << served.error().message;
    });
    ASSERT_TRUE(eventually([&] {
      const auto health = http::get(url_ + "/health", options_);
      return health && health->body.find("\"leader\": true") != std::string::npos;
    }));
  }

  void stop() {
    stop_.request_stop();
    if (thread_.joinable()) thread_.join();
  }

  FakeAgent agent(const std::string& owner) {
    NKey key = broker_->add_agent();
    auto pg = pg::Connection::open(config_.postgres_conninfo);
    EXPECT_TRUE(pg && dispatcher::enrol(*pg, key.public_key(), owner));
    auto nats = broker_->connect(key);
    auto mailbox = nats->subscribe("work." + key.public_key() + ".*");
    EXPECT_TRUE(mailbox && nats->flush(2000ms));
    return {std::move(key), std::move(nats), std::move(*mailbox)};
  }

  /// The next assignment of an agent that says that slot 0 is free.
  wire::AssignmentT assigned(FakeAgent& agent) {
    agent.beat({0});
    auto work = agent.next();
    EXPECT_TRUE(work && work->body.AsAssignment() != nullptr);
    return work && work->body.AsAssignment() != nullptr ? *work->body.AsAssignment()
                                                        : wire::AssignmentT{};
  }

  std::string upload(const std::string& bytes) {
    const std::string sha = to_hex(sha256(as_bytes(bytes)));
    EXPECT_EQ(http::put(url_ + "/v1/blobs/" + sha, as_bytes(bytes), options_)->status, 201U);
    return sha;
  }

  /// A blob that is in the store by other ways than the API: an agent's artifact.
  std::string stored(const std::string& bytes) {
    const auto store = blobs::Store::open(config_.blobs.directory);
    const std::string sha = to_hex(sha256(as_bytes(bytes)));
    auto artifact = store->begin(sha, bytes.size());
    EXPECT_TRUE(artifact->write(as_bytes(bytes)) && artifact->commit());
    return sha;
  }

  std::string manifest(const std::string& sha,
                       const std::string& frames = R"({"first": 1, "last": 2})",
                       const std::string& more = "") {
    return R"({"scene": {"sha256": ")" + sha + R"(", "size_bytes": )" +
           std::to_string(tiny_blend().size()) + R"(, "name": "tiny.blend"}, "frames": )" + frames +
           R"(, "output": {"width": 64, "height": 36})" + more + "}";
  }

  http::Response post(const std::string& body, const std::string& key = "") {
    std::map<std::string, std::string> headers;
    if (!key.empty()) headers["Idempotency-Key"] = key;
    auto response = http::post(url_ + "/v1/jobs", "application/json", body, options_, headers);
    EXPECT_TRUE(response) << response.error().message;
    return response ? *response : http::Response{};
  }

  std::string submit(const std::string& frames = R"({"first": 1, "last": 2})",
                     const std::string& more = "") {
    const auto created = messages::parse_json<wire::JobCreatedT>(
        post(manifest(upload(tiny_blend()), frames, more)).body);
    EXPECT_TRUE(created);
    return created ? created->id : "";
  }

  wire::JobStatusT status(const std::string& job) {
    auto response = http::get(url_ + "/v1/jobs/" + job, options_);
    auto parsed = messages::parse_json<wire::JobStatusT>(response ? response->body : "");
    return parsed ? std::move(*parsed) : wire::JobStatusT{};
  }

  /// The verifier's word on a lease.
  void verdict(const std::string& lease,
               wire::Decision decision,
               unsigned opinions,
               bool counts = true,
               unsigned replicas_needed = 0) {
    auto pg = pg::Connection::open(config_.postgres_conninfo);
    auto rows = pg->exec(
        "select u.id, u.job, u.frame from replicas p join units u on u.id = p.unit where lease = "
        "$1",
        {lease});
    ASSERT_TRUE(rows && rows->size() == 1);
    wire::VerdictT table;
    table.unit = static_cast<std::uint64_t>(rows->integer(0, 0));
    table.job = rows->str(0, 1);
    table.frame = static_cast<std::int32_t>(rows->integer(0, 2));
    table.lease = lease;
    table.decision = decision;
    table.opinions = static_cast<std::uint8_t>(opinions);
    table.counts = counts;
    table.replicas_needed = static_cast<std::uint8_t>(replicas_needed);
    auto verifier = broker_->connect(broker_->verifier());
    ASSERT_TRUE(verifier->publish_stored("verdicts." + table.job,
                                         messages::pack_verdicts({&table, 1}).front().data,
                                         "verdict-" + lease, "", 2000ms));
  }

  inline static std::unique_ptr<PostgresServer> postgres_;
  TempFolder folder_;
  std::unique_ptr<NatsServer> broker_;
  dispatcher::Config config_;
  std::string url_;
  http::ClientOptions options_;
  std::stop_source stop_;
  std::jthread thread_;
};

}  // namespace worldshare::testing
