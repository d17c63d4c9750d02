#include "agents/credential.h"
#include "agents/examination.h"
#include "tests/integration/enrolment_fixture.h"
#include "tests/integration/raw_nats.h"

namespace worldshare::testing {
namespace {

/// A dispatcher whose broker trusts JWTs.
class JwtEnrolmentTest : public EnrolmentFixture {
 protected:
  void SetUp() override {
    DispatcherTest::SetUp();
    stop();
    trust_jwts();
    start();
  }

  /// What an agent of this machine has after its enrolment.
  agent::Config enrolled(const std::string& machine, const std::string& owner = "anna") {
    const auto answer = enrol(token(owner).token, machine);
    EXPECT_TRUE(answer) << answer.error().message;
    agent::Config config;
    EXPECT_TRUE(agent::load_config(config, {}, home(machine)));
    return config;
  }

  static std::string jwt_of(const agent::Config& config) {
    const std::string text = read_file(config.nats_jwt_file, 1 << 16).value_or("");
    return text.substr(0, text.find('\n'));
  }

  bool is_in(const NKey& key, const std::string& jwt) {
    return RawNats(broker_->port(), key, jwt).accepted();
  }
  bool lets_in(const NKey& key, const std::string& jwt) {
    return eventually([&] { return is_in(key, jwt); });
  }

  void revoke(const std::string& agent) {
    EXPECT_EQ(call("/v1/nodes/" + agent + "/control", R"({"action": "revoke"})").status, 200U);
  }

  /// When the broker read its configuration, in its own words.
  std::string configured_at() {
    const std::string page = http::get(broker_->monitor_url() + "/varz")->body;
    const auto begin = page.find("\"config_load_time\"");
    EXPECT_NE(begin, std::string::npos);
    return page.substr(begin, page.find('\n', begin) - begin);
  }

  Clock::TimePoint now() { return SystemClock().now(); }
  std::int64_t seconds() { return static_cast<std::int64_t>(unix_ms(now()) / 1000); }

  nats::AgentAuthority authority() { return *nats::AgentAuthority::open(broker_->accounts()); }
};

TEST_F(JwtEnrolmentTest, AnAgentComesInWithoutAReload) {
  const auto pid = broker_->pid();
  const std::string before = configured_at();
  const auto config = enrolled("attic");
  const auto key = NKey::load(config.seed_file);
  ASSERT_TRUE(key);
  EXPECT_TRUE(lets_in(*key, jwt_of(config)));
  EXPECT_EQ(configured_at(), before);
  EXPECT_EQ(broker_->pid(), pid);
  EXPECT_EQ(mode_of(config.nats_jwt_file), 0600U);
  EXPECT_EQ(config.nats_jwt_file, home("attic").broker_jwt());
  EXPECT_FALSE(RawNats(broker_->port(), *key).accepted()) << "without its JWT";
}

TEST_F(JwtEnrolmentTest, WorkComesAndResultsGo) {
  const auto config = enrolled("attic");
  auto key = NKey::load(config.seed_file);
  ASSERT_TRUE(key);
  std::unique_ptr<nats::Connection> connection;
  ASSERT_TRUE(eventually([&] {
    auto opened = nats::Connection::open(config.broker(*key));
    if (opened) connection = std::move(*opened);
    return opened.has_value();
  }));
  auto mailbox = connection->subscribe("work." + key->public_key() + ".*");
  ASSERT_TRUE(mailbox && connection->flush(2000ms));
  FakeAgent agent{*key, std::move(connection), std::move(*mailbox)};
  ASSERT_FALSE(submit().empty());
  const auto assignment = assigned(agent);
  ASSERT_FALSE(assignment.lease.empty());
  const auto stored =
      agent.nats->publish_stored("results." + key->public_key() + "." + assignment.lease,
                                 as_bytes("a result"), assignment.lease, "", 2000ms);
  ASSERT_TRUE(stored) << stored.error().message;
  EXPECT_EQ(stored->stream, "RESULTS");
}

TEST_F(JwtEnrolmentTest, ARevokedAgentIsCutOffAndStaysOut) {
  const auto config = enrolled("attic");
  const auto key = NKey::load(config.seed_file);
  ASSERT_TRUE(key);
  std::optional<RawNats> connection;
  ASSERT_TRUE(eventually(
      [&] { return connection.emplace(broker_->port(), *key, jwt_of(config)).accepted(); }));
  const auto before = std::chrono::steady_clock::now();
  revoke(key->public_key());
  EXPECT_TRUE(connection->is_cut_off(10s));
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - before;
  RecordProperty("seconds_to_cut_off", std::to_string(took.count()));
  EXPECT_FALSE(is_in(*key, jwt_of(config)));
  // One that a dispatcher whose clock is ahead signed a moment before.
  EXPECT_FALSE(is_in(*key, authority().user_jwt(key->public_key(), seconds() + 600, 0)));
  const auto renewed = agent::renew_credential(config, *key, now() + 25 * 24h, {});
  ASSERT_FALSE(renewed);
  EXPECT_EQ(renewed.error().code, Errc::kDenied);
  EXPECT_TRUE(renewed.error().message.contains("was revoked")) << renewed.error().message;

  broker_->stop();
  broker_->restart();
  EXPECT_FALSE(is_in(*key, jwt_of(config))) << "after a restart";
  const auto back = enrolled("attic");
  EXPECT_TRUE(lets_in(*key, jwt_of(back)));
}

TEST_F(JwtEnrolmentTest, AnOwnerIsShutOutWithAllThatBelongsToIt) {
  const auto first = enrolled("attic");
  const auto second = enrolled("cellar");
  const auto other = enrolled("garage", "bert");
  for (const auto& config : {first, second, other})
    ASSERT_TRUE(lets_in(*NKey::load(config.seed_file), jwt_of(config)));
  EXPECT_EQ(call("/v1/owners/anna/revoke", "{}").status, 200U);
  for (const auto& config : {first, second}) {
    const auto key = NKey::load(config.seed_file);
    EXPECT_TRUE(eventually([&] { return !is_in(*key, jwt_of(config)); }));
  }
  EXPECT_TRUE(is_in(*NKey::load(other.seed_file), jwt_of(other)));
}

TEST_F(JwtEnrolmentTest, AStolenOrHomeMadeJwtOpensNothing) {
  const auto config = enrolled("attic");
  const auto key = NKey::load(config.seed_file);
  ASSERT_TRUE(key && lets_in(*key, jwt_of(config)));
  const NKey thief = NKey::generate();
  EXPECT_FALSE(is_in(thief, jwt_of(config))) << "another's";
  const auto seed = nkey_seed_bytes(NKeyKind::kUser, key->seed());
  ASSERT_TRUE(seed);
  ASSERT_TRUE(write_file_atomically(folder_.path() / "own.seed",
                                    nkey_seed_text(NKeyKind::kAccount, *seed), 0600));
  const auto own = nats::SigningKey::load(NKeyKind::kAccount, folder_.path() / "own.seed");
  ASSERT_TRUE(own);
  EXPECT_FALSE(is_in(*key, nats::agent_user_jwt(key->public_key(), *own, seconds(), 0)))
      << "signed by the agent itself";
  EXPECT_FALSE(is_in(*key, nats::trusted_user_jwt(key->public_key(), "x", *own, seconds())));
  EXPECT_TRUE(is_in(*key, jwt_of(config)));
}

TEST_F(JwtEnrolmentTest, WhoseJwtExpiredIsToldAndRenewsIt) {
  const auto config = enrolled("attic");
  const auto key = NKey::load(config.seed_file);
  ASSERT_TRUE(key && lets_in(*key, jwt_of(config)));
  const std::string old =
      authority().user_jwt(key->public_key(), seconds() - 7200, seconds() - 3600);
  ASSERT_TRUE(write_file_atomically(config.nats_jwt_file, old, 0600));
  const auto refused = nats::Connection::open(config.broker(*key));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::kDenied);
  EXPECT_TRUE(refused.error().message.contains("expired 36")) << refused.error().message;
  const std::string findings = agent::to_text(agent::examine(config));
  EXPECT_TRUE(findings.contains("bad      credential")) << findings;
  EXPECT_TRUE(findings.contains("renews it as soon as the server answers")) << findings;

  const auto renewed = agent::renew_credential(config, *key, now(), {});
  ASSERT_TRUE(renewed) << renewed.error().message;
  EXPECT_TRUE(*renewed);
  EXPECT_TRUE(nats::Connection::open(config.broker(*key)));
  EXPECT_EQ(mode_of(config.nats_jwt_file), 0600U);
}

TEST_F(JwtEnrolmentTest, ACredentialIsRenewedInItsLastThird) {
  const auto config = enrolled("attic");
  const auto key = NKey::load(config.seed_file);
  ASSERT_TRUE(key);
  const std::string first = jwt_of(config);
  const auto early = agent::renew_credential(config, *key, now() + 19 * 24h, {});
  ASSERT_TRUE(early) << early.error().message;
  EXPECT_FALSE(*early);
  EXPECT_EQ(jwt_of(config), first);
  const auto late = agent::renew_credential(config, *key, now() + 21 * 24h, {});
  ASSERT_TRUE(late) << late.error().message;
  EXPECT_TRUE(*late);
}

TEST_F(JwtEnrolmentTest, ACredentialIsForWhoHoldsTheKey) {
  const auto config = enrolled("attic");
  const auto key = NKey::load(config.seed_file);
  ASSERT_TRUE(key);
  const auto ask = [&](const std::string& agent, const NKey& signer) {
    const auto challenge = messages::parse_json<wire::ChallengeT>(
        call("/v1/enrolment/challenge", R"({"agent": ")" + agent + "\"}").body);
    wire::CredentialRequestT out;
    out.agent = agent;
    out.nonce = challenge->nonce;
    out.signature = to_hex(signer.sign(as_bytes(messages::credential_proof(out.nonce, agent))));
    return call("/v1/enrolment/credential", messages::to_json(out));
  };
  const NKey stranger = NKey::generate();
  EXPECT_EQ(ask(key->public_key(), stranger).status, 403U);
  const auto unknown = ask(stranger.public_key(), stranger);
  EXPECT_EQ(unknown.status, 403U);
  EXPECT_TRUE(unknown.body.contains("not enrolled here")) << unknown.body;
  const auto own = ask(key->public_key(), *key);
  EXPECT_EQ(own.status, 200U);
  EXPECT_EQ(own.headers.at("cache-control"), "no-store");
}

TEST_F(JwtEnrolmentTest, ABrokerThatLostItsAccountsGetsThemBack) {
  const auto config = enrolled("attic");
  const auto gone = enrolled("cellar");
  const auto key = NKey::load(config.seed_file);
  const auto gone_key = NKey::load(gone.seed_file);
  ASSERT_TRUE(lets_in(*key, jwt_of(config)) && lets_in(*gone_key, jwt_of(gone)));
  revoke(gone_key->public_key());
  ASSERT_TRUE(eventually([&] { return !is_in(*gone_key, jwt_of(gone)); }));
  broker_->stop();
  std::filesystem::remove_all(broker_->accounts_store());
  broker_->restart();
  EXPECT_TRUE(lets_in(*key, jwt_of(config)));
  EXPECT_FALSE(is_in(*gone_key, jwt_of(gone)));
}

TEST_F(JwtEnrolmentTest, ABrokerHasAListOrJwtsAndNotBoth) {
  dispatcher::Config config = config_;
  config.agents_conf_file = "agents.conf";
  EXPECT_TRUE(config.check().error().message.starts_with("nats.agents_conf_file: "));
  config.agents_conf_file.clear();
  config.credential_life = 1s;
  EXPECT_TRUE(config.check().error().message.starts_with("nats.credential_seconds: "));
  EXPECT_EQ(dispatcher::follow_enrolments(config_, {}).error().code, Errc::kInvalid);
}

}  // namespace
}  // namespace worldshare::testing
