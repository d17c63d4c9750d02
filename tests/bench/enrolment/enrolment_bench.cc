// How long an agent waits from its request to enrol until the broker lets it in, among WS_OTHERS
// (10000) others, and what they cost the broker: with agents.conf, and with JWTs. Prints figures
// and asserts only that everybody comes in.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "tests/integration/enrolment_fixture.h"
#include "tests/integration/raw_nats.h"

namespace worldshare::testing {
namespace {

using SteadyClock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

constexpr int kRounds = 7;
constexpr auto kPatience = 300s;

class EnrolmentBench : public EnrolmentFixture,
                       public ::testing::WithParamInterface<NatsServer::Accounts> {
 protected:
  bool with_jwts() const { return GetParam() == NatsServer::Accounts::kJwts; }

  /// known_ comes first, and the broker hears of it last.
  void enrol_others(int count) {
    std::vector<std::string> keys;
    for (int i = 0; i < count; ++i) keys.push_back(NKey::generate().public_key());
    auto pg = pg::Connection::open(config_.postgres_conninfo);
    ASSERT_TRUE(pg && pg->exec("insert into owners (id) values ('others')"));
    for (const auto& some : {std::vector{known_.public_key()}, keys}) {
      const auto list = pg::array(some);
      ASSERT_TRUE(pg->exec(
          "insert into agents (id, owner) select k, 'others' from unnest($1::text[]) k", {list}));
      ASSERT_TRUE(pg->exec("insert into credentials (agent) select unnest($1::text[])", {list}));
    }
  }

  /// Until the broker lets this agent in.
  Seconds wait_for(const NKey& key, const std::string& jwt, SteadyClock::time_point since) {
    while (!RawNats(broker_->port(), key, jwt).accepted()) {
      EXPECT_LT(SteadyClock::now() - since, kPatience);
      if (SteadyClock::now() - since > kPatience) break;
      std::this_thread::sleep_for(5ms);
    }
    return SteadyClock::now() - since;
  }

  double broker_mib() const {
    std::ifstream status("/proc/" + std::to_string(broker_->pid()) + "/status");
    for (std::string word; status >> word;) {
      if (word != "VmRSS:") continue;
      double kib = 0;
      status >> kib;
      return kib / 1024;
    }
    return 0;
  }

  const NKey known_ = NKey::generate();
};

TEST_P(EnrolmentBench, FromTheRequestToTheBroker) {
  stop();
  if (with_jwts()) {
    trust_jwts();
  } else {
    keep_agents_file();
    config_.broker_reload = dispatcher::Config().broker_reload;
  }
  const char* wanted = std::getenv("WS_OTHERS");
  const int others = wanted == nullptr ? 10'000 : std::atoi(wanted);
  enrol_others(others);
  std::string jwt;
  if (with_jwts())
    jwt = nats::AgentAuthority::open(broker_->accounts())->user_jwt(known_.public_key(), 1, 0);
  auto began = SteadyClock::now();
  start();
  std::printf("others %d: all known to the broker after %.2f s\n", others,
              wait_for(known_, jwt, began).count());
  std::vector<double> waits;
  for (int round = 0; round < kRounds; ++round) {
    const auto made = token("anna");
    began = SteadyClock::now();
    const auto answer = enrol(made.token, "machine-" + std::to_string(round));
    ASSERT_TRUE(answer) << answer.error().message;
    const auto key = NKey::load(home("machine-" + std::to_string(round)).seed());
    waits.push_back(wait_for(*key, answer->broker_jwt, began).count());
  }
  std::ranges::sort(waits);
  std::printf("request to connected: median %.3f s, %.3f to %.3f s; broker %.0f MiB\n",
              waits[waits.size() / 2], waits.front(), waits.back(), broker_mib());
}

INSTANTIATE_TEST_SUITE_P(Accounts,
                         EnrolmentBench,
                         ::testing::Values(NatsServer::Accounts::kJwts,
                                           NatsServer::Accounts::kFile));

}  // namespace
}  // namespace worldshare::testing
