#include <boost/json.hpp>

#include "shared/process.h"
#include "tests/integration/dispatcher_fixture.h"

namespace worldshare::testing {
namespace {

namespace json = boost::json;

class LeaderboardTest : public DispatcherTest {
 protected:
  void SetUp() override {
    DispatcherTest::SetUp();
    auto pg = pg::Connection::open(config_.postgres_conninfo);
    ASSERT_TRUE(pg);
    pg_.emplace(std::move(*pg));
  }
  void execute(const char* sql, std::initializer_list<pg::Param> params) {
    const auto done = pg_->exec(sql, params);
    EXPECT_TRUE(done) << done.error().message;
  }
  /// What the verifier writes when a result earns so many seconds; its name.
  std::string earns(const std::string& owner, const std::string& job, int seconds, int days = 0) {
    const std::string lease = "lease " + std::to_string(++leases_);
    execute(
        "insert into postings (lease, kind, owner, job, amount_ms, posted_at) values ($1, "
        "'earned', $2, $3, $4::bigint * 1000, now() - $5::int * interval '1 day')",
        {lease, owner, job, seconds, days});
    return lease;
  }
  /// And when they are taken back.
  void loses(const std::string& lease) {
    execute(
        "insert into postings (lease, kind, owner, job, amount_ms) select lease, 'reversed', "
        "owner, job, -amount_ms from postings where lease = $1",
        {lease});
  }
  void judge(const std::string& owner, const std::string& state) {
    execute("insert into owners (id) values ($1) on conflict do nothing", {owner});
    execute("insert into trust (owner, state) values ($1, $2)", {owner, state});
  }
  /// From now on.
  void become_volunteer(const std::string& owner) {
    const auto order = json::object{{"name", owner}, {"role", "volunteer"}, {"owner", owner}};
    const auto made =
        http::post(url_ + "/v1/tokens", "application/json", json::serialize(order), options_);
    ASSERT_EQ(made->status, 201U) << made->body;
    options_.bearer_token = messages::parse_json<wire::TokenCreatedT>(made->body)->secret;
  }
  wire::LeaderboardT board(const std::string& query = "") {
    const auto response = http::get(url_ + "/v1/leaderboard" + query, options_);
    EXPECT_EQ(response->status, 200U) << response->body;
    auto board = messages::parse_json<wire::LeaderboardT>(response->body);
    EXPECT_TRUE(board) << response->body;
    return board ? std::move(*board) : wire::LeaderboardT{};
  }
  /// "1 anna 20 s, 2 bert 10 s".
  std::string ranks(const std::string& query = "") {
    std::string out;
    for (const auto& line : board(query).leaders) {
      out += (out.empty() ? "" : ", ") + std::to_string(line->rank) + " " + line->owner + " " +
             std::to_string(static_cast<int>(line->seconds)) + " s";
    }
    return out;
  }
  /// What the command line prints, with this user's token.
  std::string printed(const std::vector<std::string>& words) {
    const auto file = folder_.path() / "printed";
    std::filesystem::remove(file);
    ProcessOptions options;
    options.argv = {WS_BINARY_DIR "/worldshare", "leaderboard"};
    options.argv.insert(options.argv.end(), words.begin(), words.end());
    options.environment = {{"WORLDSHARE_SERVER", url_},
                           {"WORLDSHARE_TOKEN", options_.bearer_token}};
    options.output_file = file;
    auto process = Process::spawn(options);
    EXPECT_TRUE(process && process->wait(30s)) << "it ends";
    return read_file(file, 1 << 20).value_or("");
  }

  std::optional<pg::Connection> pg_;
  int leases_ = 0;
};

TEST_F(LeaderboardTest, RanksOwnersByCreditAndEqualsShareARank) {
  EXPECT_EQ(ranks("?days=7"), "") << "nobody yet";
  earns("carl", "one", 5);
  earns("bert", "one", 10);
  earns("anna", "one", 4);
  earns("anna", "one", 3);
  earns("anna", "two", 3);
  earns("dora", "two", 20);
  EXPECT_EQ(ranks(), "1 dora 20 s, 2 anna 10 s, 2 bert 10 s, 4 carl 5 s");
  EXPECT_EQ(ranks("?limit=2"), "1 dora 20 s, 2 anna 10 s");
  const auto all = board();
  EXPECT_EQ(all.leaders.at(1)->results, 3);
  EXPECT_EQ(all.leaders.at(1)->jobs, 2U);
  EXPECT_EQ(all.you, nullptr) << "an operator is no owner";
}

TEST_F(LeaderboardTest, CountsWhatWasNotTakenBackWithinTheTime) {
  earns("anna", "one", 7);
  loses(earns("anna", "one", 50));
  loses(earns("anna", "two", 50));
  earns("bert", "one", 100, 40);
  earns("bert", "one", 6, 29);
  loses(earns("carl", "one", 9));
  loses(earns("dora", "one", 300, 40));
  EXPECT_EQ(ranks(), "1 anna 7 s, 2 bert 6 s");
  EXPECT_EQ(board().leaders.at(0)->results, 1);
  EXPECT_EQ(board().leaders.at(0)->jobs, 1U) << "nothing is left of the other";
  EXPECT_EQ(ranks("?days=28"), "1 anna 7 s");
  EXPECT_EQ(ranks("?days=0"), "1 bert 106 s, 2 anna 7 s");
  become_volunteer("dora");
  const auto own = board();
  EXPECT_EQ(own.you->rank, 0U);
  EXPECT_EQ(own.you->results, -1);
  EXPECT_EQ(own.you->seconds, -300) << "earned before, taken back within the time";
}

TEST_F(LeaderboardTest, ShowsNoExcludedOwnersAndAlwaysTheVolunteersOwnLine) {
  earns("anna", "one", 40);
  earns("bert", "one", 30);
  earns("carl", "one", 20);
  earns("dora", "one", 10);
  judge("anna", "banned");
  judge("bert", "active");
  judge("carl", "quarantined");
  EXPECT_EQ(ranks(), "1 bert 30 s, 2 dora 10 s");
  const std::string operators = options_.bearer_token;
  const auto own = [&](const std::string& owner) {
    options_.bearer_token = operators;
    become_volunteer(owner);
    const auto seen = board("?limit=1");
    EXPECT_EQ(seen.leaders.size(), 1U);
    EXPECT_EQ(seen.leaders.at(0)->owner, "bert");
    return std::to_string(seen.you->rank) + " " + seen.you->owner + " " +
           std::to_string(static_cast<int>(seen.you->seconds)) + " s";
  };
  EXPECT_EQ(own("bert"), "1 bert 30 s");
  EXPECT_EQ(own("dora"), "2 dora 10 s");
  EXPECT_EQ(own("anna"), "0 anna 40 s") << "its own credit is no secret";
  EXPECT_EQ(own("nobody"), "0 nobody 0 s");
}

TEST_F(LeaderboardTest, RefusesBadParametersWithWhatToDo) {
  const std::vector<std::pair<std::string, std::string>> wrong = {
      {"days=-1", "days: must be 0 to 366"},
      {"days=367", "days: must be 0 to 366"},
      {"days=", "days: must be 0 to 366"},
      {"days=1e1", "days: must be 0 to 366"},
      {"limit=0", "limit: must be 1 to 1000"},
      {"limit=1001", "limit: must be 1 to 1000"},
      {"limit=ten", "limit: must be 1 to 1000"},
      {"limit=99999999999", "limit: must be 1 to 1000"},
      {"cursor=1", "cursor: is not known here; known are: days limit"}};
  for (const auto& [query, detail] : wrong) {
    const auto response = http::get(url_ + "/v1/leaderboard?" + query, options_);
    EXPECT_EQ(response->status, 400U) << query;
    const auto problem = messages::parse_json<wire::ProblemT>(response->body);
    ASSERT_TRUE(problem) << response->body;
    EXPECT_EQ(problem->detail, detail);
    EXPECT_EQ(problem->field, detail.substr(0, detail.find(':')));
  }
}

TEST_F(LeaderboardTest, IsATableAtTheCommandLineWithTheOwnLineMarked) {
  earns("anna", "one", 40);
  earns("bert", "one", 30);
  earns("carl", "one", 20, 3);
  become_volunteer("carl");
  EXPECT_EQ(printed({"--limit", "1"}),
            "RANK  OWNER  RESULTS  CREDIT (s)  JOBS\n"
            "1     anna   1        40.0        1\n"
            "3     carl   1        20.0        1     <- you\n");
  EXPECT_EQ(printed({"--days", "2"}),
            "RANK  OWNER  RESULTS  CREDIT (s)  JOBS\n"
            "1     anna   1        40.0        1\n"
            "2     bert   1        30.0        1\n"
            "-     carl   0        0.0         0     <- you\n");
  const auto given = messages::parse_json<wire::LeaderboardT>(printed({"--json"}));
  ASSERT_TRUE(given);
  EXPECT_EQ(given->leaders.size(), 3U);
  EXPECT_EQ(given->you->rank, 3U);
  EXPECT_EQ(printed({"--days", "500"}), "worldshare: days: must be 0 to 366 (HTTP 400)\n");
}

}  // namespace
}  // namespace worldshare::testing
