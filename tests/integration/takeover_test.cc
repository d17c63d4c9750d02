#include <atomic>

#include "dispatcher/economy/ledger.h"
#include "shared/process.h"
#include "tests/integration/dispatcher_fixture.h"

namespace worldshare::testing {
namespace {

using dispatcher::Grants;
using dispatcher::Ledger;

TEST_F(DispatcherTest, ADeposedLeaderWritesNothing) {
  const std::string job = submit();
  stop();
  const auto open = [&] { return std::move(*pg::Connection::open(config_.postgres_conninfo)); };
  Ledger old_leader(open());
  // The stopped dispatcher's session ends a moment after its client.
  ASSERT_TRUE(eventually([&] {
    const auto taken = old_leader.leadership().take("old");
    return taken && *taken;
  }));
  Ledger next(open());
  ASSERT_FALSE(*next.leadership().take("next")) << "one leads";
  // The old leader's session ends without its knowledge; its next call opens another one.
  auto pg = open();
  ASSERT_TRUE(
      pg.exec("select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' "
              "and pid <> pg_backend_pid()"));
  ASSERT_TRUE(eventually([&] {
    const auto taken = next.leadership().take("next");
    return taken && *taken;
  }));
  FakeAgent one = agent("anna");
  Grants grants;
  dispatcher::Unit unit;
  unit.id = 1;
  unit.job = job;
  unit.shard.frame = 1;
  dispatcher::Lease lease;
  lease.id = "lease-of-the-old";
  lease.unit = 1;
  lease.job = job;
  lease.agent = one.key.public_key();
  lease.owner = "anna";
  lease.expires_at = from_unix_ms(4'000'000'000'000);
  grants.units.push_back(unit);
  grants.leases.push_back(lease);
  grants.progress.push_back({job, 1, {1}, {}});
  EXPECT_FALSE(old_leader.write(grants)) << "its session is gone";
  const auto again = old_leader.write(grants);
  ASSERT_FALSE(again) << "its session is new, its epoch is not";
  EXPECT_EQ(again.error().code, Errc::kUnavailable);
  EXPECT_FALSE(old_leader.expire({"x"}));
  EXPECT_FALSE(old_leader.fail_units({{1, "x"}}));
  EXPECT_EQ(pg.exec("select (select count(*) from units) + (select count(*) from replicas)")
                ->integer(0, 0),
            0);
  EXPECT_TRUE(next.write(grants));
}

/// Two real dispatchers; whoever leads is killed over and over while units are rendered.
class TakeoverTest : public DispatcherTest {
 protected:
  struct Server {
    std::optional<Process> process;
    std::uint16_t port = 0;
  };

  void launch(Server& server,
              const std::string& lease = "sibling_hold_seconds: 0",
              const std::map<std::string, std::string>& environment = {}) {
    server.port = free_port();
    const std::string folder = folder_.path().string();
    const std::string yaml =
        "http: {port: " + std::to_string(server.port) + ", api_token_file: " + folder +
        "/token, url_secret_file: " + folder + "/secret}\nblobs: {directory: " + folder +
        "/blobs}\nnats: {url: \"" + config_.nats_url + "\", seed_file: " + folder +
        "/dispatcher.seed}\npostgres: {conninfo: \"" + config_.postgres_conninfo +
        "\"}\nagents: {heartbeat_seconds: 1}\nlease: {" + lease + "}\n";
    const auto file = folder_.path() / ("dispatcher-" + std::to_string(server.port) + ".yaml");
    ASSERT_TRUE(write_file_atomically(file, yaml));
    ProcessOptions options;
    options.argv = {WS_BINARY_DIR "/worldshare-dispatcher", "--config", file.string()};
    options.output_file = folder_.path() / "log";
    options.environment = environment;
    auto process = Process::spawn(options);
    ASSERT_TRUE(process) << process.error().message;
    server.process.emplace(std::move(*process));
  }

  static bool leads(const Server& server) {
    const auto health = http::get("http://127.0.0.1:" + std::to_string(server.port) + "/health");
    return health && health->body.find("\"leader\": true") != std::string::npos;
  }

  std::int64_t count(const std::string& sql) {
    auto pg = pg::Connection::open(config_.postgres_conninfo);
    auto rows = pg->exec(sql.c_str());
    return rows ? rows->integer(0, 0) : -1;
  }
};

TEST_F(TakeoverTest, AKilledLeaderLosesAndDoublesNothing) {
  constexpr int kUnits = 60;
  const std::string job = submit(R"({"first": 1, "last": )" + std::to_string(kUnits) + "}",
                                 R"(, "policy": {"replicas": 1, "max_replicas": 5})");
  stop();
  Server servers[2];
  for (auto& server : servers) launch(server);
  ASSERT_TRUE(eventually([&] { return leads(servers[0]) || leads(servers[1]); }));

  std::vector<FakeAgent> agents;
  for (int i = 0; i < 4; ++i) agents.push_back(agent("owner" + std::to_string(i)));
  std::atomic<bool> done = false;
  std::vector<std::jthread> threads;
  for (auto& each : agents) {
    threads.emplace_back([&] {
      std::set<std::string> answered;
      while (!done) {
        each.beat({0});
        const auto work = each.next(200ms);
        if (!work || work->body.AsAssignment() == nullptr) continue;
        const std::string lease = work->body.AsAssignment()->lease;
        std::this_thread::sleep_for(40ms);  // what a render takes
        if (answered.insert(lease).second) verdict(lease, wire::Decision::accepted, 1);
      }
    });
  }

  std::vector<double> takeovers;
  for (int kill = 0; kill < 4; ++kill) {
    Server& leader = leads(servers[0]) ? servers[0] : servers[1];
    Server& standby = &leader == servers ? servers[1] : servers[0];
    const auto accepted = count("select frames_accepted from jobs");
    ASSERT_TRUE(
        eventually([&] { return count("select frames_accepted from jobs") > accepted + 2; }));
    leader.process->kill(SIGKILL);
    const auto begin = std::chrono::steady_clock::now();
    ASSERT_TRUE(eventually([&] { return leads(standby); }));
    takeovers.push_back(
        std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
    launch(leader);
  }
  // A verdict that the killed leader had in hand is delivered again after the consumer's ack_wait.
  EXPECT_TRUE(eventually([&] { return count("select frames_accepted from jobs") == kUnits; }) ||
              eventually([&] { return count("select frames_accepted from jobs") == kUnits; }));
  done = true;
  threads.clear();
  for (const double seconds : takeovers) EXPECT_LT(seconds, 5);
  EXPECT_EQ(count("select count(*) from jobs where state = 'completed'"), 1);
  EXPECT_EQ(count("select count(*) from units where state = 'accepted'"), kUnits);
  EXPECT_EQ(count("select count(distinct frame) from units"), kUnits);
  EXPECT_EQ(count("select frames_made from jobs"), kUnits);
  RecordProperty("slowest_takeover_ms", static_cast<int>(1000 * std::ranges::max(takeovers)));
}

/// A dispatcher whose clock the test sets, also while it runs.
class ClockTest : public TakeoverTest {
 protected:
  static constexpr const char* kLibrary = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1";

  void set_clock(const std::string& offset) {
    ASSERT_TRUE(write_file_atomically(folder_.path() / "clock", offset));
  }

  std::map<std::string, std::string> environment() const {
    return {{"LD_PRELOAD", kLibrary},
            {"FAKETIME_TIMESTAMP_FILE", (folder_.path() / "clock").string()},
            {"FAKETIME_NO_CACHE", "1"},
            {"FAKETIME_DONT_FAKE_MONOTONIC", "1"},
            {"ASAN_OPTIONS", "verify_asan_link_order=0"}};
  }

  bool says(const std::string& words) {
    return eventually([&] {
      return read_file(folder_.path() / "log", 1U << 20U).value_or("").find(words) !=
             std::string::npos;
    });
  }

  /// The lease that it is given, while it says each moment that it is there.
  static std::string lease_of(FakeAgent& agent) {
    for (int i = 0; i < 40; ++i) {
      agent.beat({0});
      const auto work = agent.next(500ms);
      if (work && work->body.AsAssignment() != nullptr) return work->body.AsAssignment()->lease;
    }
    return {};
  }
};

TEST_F(ClockTest, ALeaseOfAClockThatWasWrongDoesNotOutliveItsAgent) {
  if (!std::filesystem::exists(kLibrary)) GTEST_SKIP() << "libfaketime is not installed";
  submit(R"({"first": 1, "last": 1})", R"(, "policy": {"replicas": 1, "max_replicas": 5})");
  stop();
  set_clock("+0");
  Server server;
  launch(server,
         "initial_seconds: 2, extend_seconds: 2, report_grace_seconds: 2, sibling_hold_seconds: 0",
         environment());
  ASSERT_TRUE(eventually([&] { return leads(server); }));
  set_clock("+3d");
  ASSERT_TRUE(says("the clock was set by 259200 s"));
  FakeAgent anna = agent("anna");
  ASSERT_NE(lease_of(anna), "");
  set_clock("+0");
  ASSERT_TRUE(says("the clock was set by -259200 s"));
  // Anna is gone.
  FakeAgent bert = agent("bert");
  EXPECT_NE(lease_of(bert), "");
}

}  // namespace
}  // namespace worldshare::testing
