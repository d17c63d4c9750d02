#include <gtest/gtest.h>

#include <algorithm>

#include "agents/examination.h"
#include "shared/http/server.h"
#include "tests/support/authority.h"
#include "tests/support/nats_server.h"

namespace worldshare::agent {
namespace {

using testing::Authority;
using testing::kLoopbackNames;
using testing::NatsServer;
using Grade = Finding::Grade;
using std::chrono_literals::operator""h;

class Healthy final : public http::Handler {
 public:
  http::HeadDecision on_head(const http::Request&) override { return http::NeedBody{}; }
  http::Reply on_request(const http::Request&) override {
    http::Reply reply{200, "application/json", "{}", {}, {}};
    if (!date.empty()) reply.headers["Date"] = date;
    return reply;
  }
  std::string date;
};

/// A farm as doctor sees it: an HTTPS server and a broker with TLS.
class DoctorTest : public ::testing::Test {
 protected:
  void SetUp() override {
    issued_ = authority_.issue(kLoopbackNames);
    broker_ = NatsServer::start(issued_);
    const NKey key = broker_->add_agent();
    ASSERT_TRUE(key.save(folder_.path() / "agent.seed"));
    http::ServerOptions options;
    options.port = 0;
    options.certificate = issued_.certificate;
    options.key = issued_.key;
    auto server = http::Server::open(options, handler_);
    ASSERT_TRUE(server);
    server_ = std::move(*server);
    config_.nats_url = broker_->url();
    config_.nats_ca_file = authority_.certificate();
    config_.http_ca_file = authority_.certificate();
    config_.seed_file = folder_.path() / "agent.seed";
    config_.state_folder = folder_.path() / "state";
    config_.farm_server = "https://localhost:" + std::to_string(server_->port());
    config_.cache_bytes = config_.scratch_bytes = 1 << 20;
  }
  Finding find(const std::string& what) {
    for (const auto& finding : examine(config_)) {
      if (finding.what == what) return finding;
    }
    return {what, Grade::bad, "not looked at", ""};
  }

  testing::TempFolder folder_;
  Authority authority_;
  Authority::Issued issued_;
  Healthy handler_;
  std::unique_ptr<NatsServer> broker_;
  std::unique_ptr<http::Server> server_;
  Config config_;
};

TEST_F(DoctorTest, FindsNothingWhereAllIsWell) {
  const auto findings = examine(config_);
  EXPECT_TRUE(is_healthy(findings)) << to_text(findings);
  for (const char* what :
       {"config", "key", "sandbox", "blender", "disk", "server", "clock", "tls", "broker"}) {
    EXPECT_EQ(std::ranges::count(findings, what, &Finding::what), 1) << what;
  }
  EXPECT_TRUE(to_json(findings).starts_with(R"({"healthy":true)"));
}

TEST_F(DoctorTest, NamesTheRemedyForWhatIsMissingHere) {
  config_.blender = "/nonexistent/blender";
  EXPECT_TRUE(find("blender").remedy.contains("apt install blender"));
  config_.sandbox.bwrap = "/nonexistent/bwrap";
  EXPECT_TRUE(find("sandbox").remedy.contains("apt install bubblewrap"));
  std::filesystem::permissions(config_.seed_file, std::filesystem::perms(0644));
  EXPECT_TRUE(find("key").remedy.contains("chmod 600"));
  config_.slots = 0;
  EXPECT_EQ(find("config").grade, Grade::bad);
}

TEST_F(DoctorTest, ADiskThatIsTooSmallForTheLimitsIsAWarning) {
  config_.cache_bytes = 1ULL << 60;
  EXPECT_EQ(find("disk").grade, Grade::warning);
}

TEST_F(DoctorTest, TellsAWrongAuthorityFromAnExpiredCertificate) {
  const Authority other;
  config_.nats_ca_file = other.certificate();
  config_.http_ca_file = other.certificate();
  EXPECT_TRUE(find("tls").seen.contains("authority that is not trusted here")) << find("tls").seen;
  EXPECT_TRUE(find("server").seen.contains("authority that is not trusted here"));
  config_.nats_ca_file = authority_.certificate();
  broker_->stop();
  broker_->use(authority_.issue(kLoopbackNames, -2h, -1h));
  broker_->restart();
  EXPECT_TRUE(find("tls").seen.contains("has expired")) << find("tls").seen;
}

TEST_F(DoctorTest, TellsARevokedAgentWhatToDo) {
  broker_->remove_agent(NKey::load(config_.seed_file)->public_key());
  const auto broker = find("broker");
  EXPECT_EQ(broker.grade, Grade::bad);
  EXPECT_TRUE(broker.remedy.contains("worldshare-agent enroll")) << broker.remedy;
  broker_->stop();
  EXPECT_TRUE(find("tls").seen.contains("nobody answers")) << find("tls").seen;
}

TEST_F(DoctorTest, AClockThatIsWrongIsToldFromTheServers) {
  handler_.date = "Sun, 06 Nov 1994 08:49:37 GMT";
  const auto clock = find("clock");
  EXPECT_EQ(clock.grade, Grade::bad);
  EXPECT_TRUE(clock.remedy.contains("set the clock")) << clock.remedy;
  server_.reset();
  EXPECT_EQ(find("server").grade, Grade::bad);
}

}  // namespace
}  // namespace worldshare::agent
