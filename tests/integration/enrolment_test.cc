#include <atomic>

#include "tests/integration/enrolment_fixture.h"
#include "tests/integration/raw_nats.h"

namespace worldshare::testing {
namespace {

/// A dispatcher that keeps a real broker's list of agents.
class EnrolmentTest : public EnrolmentFixture {
 protected:
  void SetUp() override {
    DispatcherTest::SetUp();
    stop();
    keep_agents_file();
    start();
  }

  bool lets_in(const NKey& key) {
    return eventually([&] { return RawNats(broker_->port(), key).accepted(); });
  }
};

TEST_F(EnrolmentTest, AnAgentComesInWithATokenAndIsCutOffWhenItIsRevoked) {
  const auto made = token("anna");
  const auto enrolled = enrol(made.token, "attic");
  ASSERT_TRUE(enrolled) << enrolled.error().message;
  EXPECT_EQ(enrolled->owner, "anna");
  EXPECT_EQ(enrolled->broker_url, broker_->url());
  EXPECT_EQ(enrolled->render_class, "blender-3_4-cpu");
  EXPECT_EQ(state_of_token(made.id), "used");

  agent::Config config;
  ASSERT_TRUE(agent::load_config(config, {}, home("attic")));
  ASSERT_TRUE(config.check());
  EXPECT_EQ(config.nats_url, broker_->url());
  const auto key = NKey::load(config.seed_file);
  ASSERT_TRUE(key);
  EXPECT_EQ(key->public_key(), enrolled->agent);
  EXPECT_EQ(mode_of(home("attic").seed()), 0600U);
  EXPECT_EQ(mode_of(home("attic").enrolment()), 0600U);
  EXPECT_EQ(mode_of(home("attic").folder), 0700U);

  // A broker that is just reading its list again may cut off who comes in meanwhile.
  std::optional<RawNats> connection;
  ASSERT_TRUE(eventually([&] { return connection.emplace(broker_->port(), *key).accepted(); }));
  const auto before = std::chrono::steady_clock::now();
  EXPECT_EQ(call("/v1/nodes/" + enrolled->agent + "/control", R"({"action": "revoke"})").status,
            200U);
  EXPECT_TRUE(connection->is_cut_off(10s));
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - before;
  RecordProperty("seconds_to_cut_off", std::to_string(took.count()));
  EXPECT_FALSE(RawNats(broker_->port(), *key).accepted());
}

TEST_F(EnrolmentTest, ARevokedAgentComesBackOnlyWithANewToken) {
  const auto first = token("anna");
  const auto enrolled = enrol(first.token, "attic");
  ASSERT_TRUE(enrolled) << enrolled.error().message;
  const auto key = NKey::load(home("attic").seed());
  ASSERT_TRUE(key && lets_in(*key));
  ASSERT_EQ(call("/v1/nodes/" + enrolled->agent + "/control", R"({"action": "revoke"})").status,
            200U);
  ASSERT_TRUE(eventually([&] { return !RawNats(broker_->port(), *key).accepted(); }));
  EXPECT_FALSE(enrol(first.token, "attic")) << "its old token opens the door again";
  EXPECT_TRUE(enrol(token("anna").token, "attic"));
  EXPECT_TRUE(lets_in(*key));
}

TEST_F(EnrolmentTest, ATokenLetsOneAgentIn) {
  const auto made = token("anna");
  const auto first = enrol(made.token, "attic");
  ASSERT_TRUE(first) << first.error().message;
  const auto again = enrol(made.token, "attic");
  ASSERT_TRUE(again) << "an answer that was lost: " << again.error().message;
  EXPECT_EQ(again->agent, first->agent);
  const auto other = enrol(made.token, "cellar");
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, Errc::kDenied);
  EXPECT_TRUE(other.error().message.contains("used already")) << other.error().message;
}

TEST_F(EnrolmentTest, OfManyWhoBringOneTokenOneComesIn) {
  const auto made = token("anna");
  std::atomic<int> in = 0;
  {
    std::vector<std::jthread> machines;
    for (int i = 0; i < 6; ++i) {
      machines.emplace_back([&, i] {
        if (enrol(made.token, "machine-" + std::to_string(i))) ++in;
      });
    }
  }
  EXPECT_EQ(in, 1);
}

TEST_F(EnrolmentTest, TokensThatAreNoGoodSayWhy) {
  auto pg = pg::Connection::open(config_.postgres_conninfo);
  ASSERT_TRUE(pg);
  const auto why = [&](const std::string& secret) {
    const auto refused = enrol(secret, "attic");
    return refused ? "it came in" : refused.error().message;
  };
  EXPECT_TRUE(why("wsenrol-nothing").contains("not known here")) << why("wsenrol-nothing");
  const auto old = token("anna");
  ASSERT_TRUE(pg->exec("update enrolment_tokens set expires_at = made_at where id = $1", {old.id}));
  EXPECT_TRUE(why(old.token).contains("has expired"));
  EXPECT_EQ(state_of_token(old.id), "expired");
  const auto gone = token("anna");
  EXPECT_EQ(http::remove(url_ + "/v1/enrolment/tokens/" + gone.id, options_)->status, 200U);
  EXPECT_TRUE(why(gone.token).contains("was withdrawn"));
  EXPECT_EQ(http::remove(url_ + "/v1/enrolment/tokens/none", options_)->status, 404U);
  auto stored = pg->exec(
      "select count(*) from enrolment_tokens t where t::text like '%' || $1 || '%'", {gone.token});
  EXPECT_EQ(stored->integer(0, 0), 0) << "the secret itself is in the database";
}

TEST_F(EnrolmentTest, ATokenIsWorthNothingWithoutTheAgentsKey) {
  const auto made = token("anna");
  const NKey mine = NKey::generate();
  const NKey theirs = NKey::generate();
  EXPECT_EQ(call("/v1/enrolment", request(theirs.public_key(), mine, made.token)).status, 403U);
  auto stolen = messages::parse_json<wire::EnrolmentRequestT>(
      request(theirs.public_key(), theirs, made.token));
  ASSERT_TRUE(stolen);
  stolen->agent = mine.public_key();
  stolen->signature = to_hex(
      mine.sign(as_bytes(messages::enrolment_proof(stolen->nonce, stolen->agent, stolen->token))));
  EXPECT_EQ(call("/v1/enrolment", messages::to_json(*stolen)).status, 403U) << "a foreign nonce";
  stolen->signature = "no hex";
  EXPECT_NE(call("/v1/enrolment", messages::to_json(*stolen)).status, 200U);
  EXPECT_EQ(state_of_token(made.id), "open");
  EXPECT_EQ(call("/v1/enrolment", request(mine.public_key(), mine, made.token)).status, 200U);
}

TEST_F(EnrolmentTest, AnOwnerIsShutOutWithAllThatBelongsToIt) {
  const auto first = enrol(token("anna").token, "attic");
  const auto second = enrol(token("anna").token, "cellar");
  const auto other = enrol(token("bert").token, "garage");
  ASSERT_TRUE(first && second && other);
  const auto unused = token("anna");
  ASSERT_TRUE(lets_in(*NKey::load(home("garage").seed())));
  ASSERT_TRUE(lets_in(*NKey::load(home("attic").seed())));
  const auto response = call("/v1/owners/anna/revoke", R"({"reason": "asked to leave"})");
  const auto done = messages::parse_json<wire::OwnerRevokedT>(response.body);
  ASSERT_TRUE(done) << response.body;
  EXPECT_EQ(done->agents, 2U);
  EXPECT_EQ(done->tokens, 1U);
  EXPECT_FALSE(enrol(unused.token, "roof"));
  for (const char* machine : {"attic", "cellar"}) {
    const auto key = NKey::load(home(machine).seed());
    EXPECT_TRUE(eventually([&] { return !RawNats(broker_->port(), *key).accepted(); })) << machine;
  }
  EXPECT_TRUE(RawNats(broker_->port(), *NKey::load(home("garage").seed())).accepted());
  EXPECT_EQ(call("/v1/owners/nobody/revoke", "{}").status, 404U);
}

TEST_F(EnrolmentTest, OverTlsAnAgentIsToldWhomToTrust) {
  stop();
  Authority authority;
  const auto issued = authority.issue(kLoopbackNames);
  broker_ = NatsServer::start(issued);
  broker_->provision();
  ASSERT_TRUE(broker_->dispatcher().save(config_.nats_seed_file));
  ASSERT_TRUE(write_file_atomically(config_.broker_pid_file, std::to_string(broker_->pid())));
  config_.agents_conf_file = broker_->agents_file();
  config_.broker_monitor_url = broker_->monitor_url();
  config_.nats_url = broker_->url();
  config_.nats_ca_file = config_.broker_public_ca_file = authority.certificate();
  config_.http_certificate_file = issued.certificate;
  config_.http_key_file = issued.key;
  url_ = "https://localhost:" + std::to_string(config_.http_port);
  options_.ca_file = authority.certificate();
  start();

  agent::EnrolmentOrder order;
  order.server = url_;
  order.token = token("anna").token;
  const auto blind = agent::enrol(order, home("attic"));
  ASSERT_FALSE(blind) << "it trusts anybody";
  EXPECT_TRUE(blind.error().message.contains("--ca FILE")) << blind.error().message;
  order.ca_file = authority.certificate();
  const auto enrolled = agent::enrol(order, home("attic"));
  ASSERT_TRUE(enrolled) << enrolled.error().message;

  agent::Config config;
  ASSERT_TRUE(agent::load_config(config, {}, home("attic")));
  ASSERT_TRUE(config.check());
  EXPECT_TRUE(config.nats_url.starts_with("tls://"));
  EXPECT_EQ(config.web().ca_file, home("attic").server_ca());
  EXPECT_FALSE(config.web().allow_plain);
  const auto key = NKey::load(config.seed_file);
  ASSERT_TRUE(key);
  EXPECT_TRUE(eventually([&] { return nats::Connection::open(config.broker(*key)).has_value(); }));
}

TEST_F(EnrolmentTest, WhatOtherMachinesReachIsEncryptedOrDoesNotStart) {
  dispatcher::Config config = config_;
  config.http_address = "0.0.0.0";
  EXPECT_TRUE(config.check().error().message.contains("http.certificate_file"));
  config.http_allow_plain = true;
  EXPECT_TRUE(config.check());
  config.nats_url = "nats://farm.example.org:4222";
  EXPECT_TRUE(config.check().error().message.starts_with("nats.url: "));
  config.http_certificate_file = "server.pem";
  EXPECT_TRUE(config.check().error().message.starts_with("http.key_file: "));
}

TEST_F(EnrolmentTest, OperatorsCallsAskForTheToken) {
  for (const char* path : {"/v1/enrolment/tokens", "/v1/owners/anna/revoke"}) {
    EXPECT_EQ(http::post(url_ + path, "application/json", R"({"owner": "anna"})")->status, 401U);
  }
  EXPECT_EQ(call("/v1/enrolment/tokens", R"({"owner": "no blanks"})").status, 400U);
  EXPECT_EQ(call("/v1/enrolment/tokens", R"({"owner": "anna", "lifetime_seconds": 5})").status,
            400U);
}

TEST_F(EnrolmentTest, AttemptsOfOneAddressAreLimited) {
  stop();
  config_.enrolment_attempts = 3;
  start();
  const std::string body = R"({"agent": ")" + NKey::generate().public_key() + "\"}";
  for (int i = 0; i < 3; ++i) EXPECT_EQ(call("/v1/enrolment/challenge", body).status, 200U);
  const auto refused = call("/v1/enrolment/challenge", body);
  EXPECT_EQ(refused.status, 429U);
  EXPECT_TRUE(refused.headers.contains("retry-after"));
  EXPECT_EQ(call("/v1/enrolment", "{}").status, 429U);
}

}  // namespace
}  // namespace worldshare::testing
