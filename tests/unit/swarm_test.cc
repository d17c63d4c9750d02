#include <gtest/gtest.h>

#include <map>
#include <vector>

#include "agents/swarm/behaviour.h"
#include "agents/swarm/broker_link.h"
#include "agents/swarm/histogram.h"
#include "agents/swarm/roster.h"
#include "agents/swarm/synthetic_picture.h"
#include "agents/swarm/wire_parser.h"
#include "shared/files.h"
#include "shared/image/canonical.h"
#include "tests/support/temp_folder.h"

namespace worldshare::swarm {
namespace {

using namespace std::chrono_literals;

/// What a parser said, one line an operation.
class Heard {
 public:
  Heard() {
    events_.info = [this](std::string_view json) { add("info " + std::string(json)); };
    events_.ping = [this] { add("ping"); };
    events_.pong = [this] { add("pong"); };
    events_.error = [this](std::string_view text) { add("error " + std::string(text)); };
    events_.message = [this](const Delivery& message) {
      add("message " + std::string(message.subject) + " [" + std::string(message.reply) + "] [" +
          std::string(message.header) + "] " + std::string(as_text(message.data)));
    };
  }
  const WireEvents& events() const { return events_; }
  const std::vector<std::string>& lines() const { return lines_; }

 private:
  void add(std::string line) { lines_.push_back(std::move(line)); }
  WireEvents events_;
  std::vector<std::string> lines_;
};

const std::string kSession =
    "INFO {\"nonce\":\"x\"}\r\nPONG\r\n+OK\r\nMSG work.A.0 1 5\r\nhello\r\n"
    "MSG _INBOX.A.1 2 reply.to 0\r\n\r\nHMSG s 1 12 15\r\nNATS/1.0\r\n\r\nend\r\nPING\r\n"
    "-ERR 'Permissions Violation'\r\n";
const std::vector<std::string> kOperations{"info {\"nonce\":\"x\"}",
                                           "pong",
                                           "message work.A.0 [] [] hello",
                                           "message _INBOX.A.1 [reply.to] [] ",
                                           "message s [] [NATS/1.0\r\n\r\n] end",
                                           "ping",
                                           "error 'Permissions Violation'"};

TEST(WireParser, ReadsASessionHoweverItIsCut) {
  for (std::size_t piece = 1; piece <= kSession.size(); ++piece) {
    Heard heard;
    WireParser parser;
    for (std::size_t at = 0; at < kSession.size(); at += piece) {
      ASSERT_TRUE(parser.feed(std::string_view(kSession).substr(at, piece), heard.events()));
    }
    EXPECT_EQ(heard.lines(), kOperations) << "in pieces of " << piece;
  }
}

TEST(WireParser, RefusesWhatIsNotTheProtocol) {
  const std::vector<std::string> wrong{"HTTP/1.1 400 Bad Request\r\n",
                                       "MSG a 1\r\n",
                                       "MSG a 1 x\r\n",
                                       "MSG a 1 2 3 4 5\r\n",
                                       "MSG a 1 9999999999\r\n",
                                       "HMSG a 1 9 3\r\n",
                                       std::string(100'000, 'I')};
  for (const auto& text : wrong) {
    Heard heard;
    const auto fed = WireParser().feed(text, heard.events());
    ASSERT_FALSE(fed) << text.substr(0, 40);
    EXPECT_EQ(fed.error().code, Errc::kCorrupt);
  }
}

TEST(BrokerUrl, HasAddressAndPort) {
  EXPECT_EQ(parse_broker_url("nats://127.0.0.1:4333")->port, 4333);
  for (const char* wrong : {"", "127.0.0.1:4222", "nats://127.0.0.1", "nats://127.0.0.1:x",
                            "nats://127.0.0.1:99999", "nats://127.0.0.1:"}) {
    EXPECT_EQ(parse_broker_url(wrong).error().code, Errc::kInvalid) << wrong;
  }
}

double mean_seconds(const std::string& model, int draws) {
  Random random(1);
  const auto latency = Latency::parse(model).value();
  double sum = 0;
  for (int i = 0; i < draws; ++i) {
    sum += std::chrono::duration<double>(latency.draw(random)).count();
  }
  return sum / draws;
}

TEST(Latency, HasTheMeanOfItsModel) {
  EXPECT_DOUBLE_EQ(mean_seconds("fixed:1.5", 3), 1.5);
  EXPECT_NEAR(mean_seconds("exponential:2", 100'000), 2, 0.05);
  EXPECT_NEAR(mean_seconds("pareto:1:3", 100'000), 1.5, 0.05);
}

TEST(Latency, NamesWhatItDoesNotKnow) {
  for (const char* wrong : {"", "fixed", "fixed:", "fixed:-1", "fixed:nan", "uniform:1", "pareto:1",
                            "pareto:1:0", "exponential:1x"}) {
    const auto latency = Latency::parse(wrong);
    ASSERT_FALSE(latency) << wrong;
    EXPECT_TRUE(latency.error().message.contains("--latency")) << wrong;
  }
}

TEST(Histogram, QuantilesAreThoseOfWhatWasAdded) {
  Histogram times;
  EXPECT_EQ(times.quantile_ms(0.5), 0);
  for (int i = 1; i <= 1000; ++i) times.add(std::chrono::milliseconds(i));
  EXPECT_NEAR(times.quantile_ms(0.5), 500, 15);
  EXPECT_NEAR(times.quantile_ms(0.99), 990, 30);
  times.add(0us);
  times.add(10h);
  EXPECT_EQ(times.count(), 1002U);
  EXPECT_LT(times.quantile_ms(0), 0.002);
}

wire::AssignmentT assignment(std::int32_t frame) {
  wire::AssignmentT out;
  out.frame = frame;
  return out;
}

TEST(Behaviour, HonestAgentsAgreeAndCheatersDoNot) {
  Random random(1);
  const auto latency = Latency::parse("fixed:0").value();
  const auto honest = make_honest(latency, Content::kFrame);
  EXPECT_EQ(honest->plan(assignment(7), random).picture,
            honest->plan(assignment(7), random).picture);
  EXPECT_NE(honest->plan(assignment(7), random).picture,
            honest->plan(assignment(8), random).picture);
  const auto null_units = make_honest(latency, Content::kConstant);
  EXPECT_EQ(null_units->plan(assignment(7), random).picture,
            null_units->plan(assignment(8), random).picture);
  const auto cheater = make_tampering(make_honest(latency, Content::kFrame));
  EXPECT_NE(cheater->plan(assignment(7), random).picture,
            cheater->plan(assignment(7), random).picture);
}

TEST(Behaviour, TroublesComeInTheirShares) {
  Random random(1);
  const auto latency = Latency::parse("fixed:0").value();
  const auto behaviour =
      make_troubled(make_honest(latency, Content::kFrame),
                    {.fail = 0.1, .hang = 0.05, .vanish = 0.02, .duplicate = 0.2});
  std::map<Deed, int> seen;
  for (int i = 0; i < 10'000; ++i) ++seen[behaviour->plan(assignment(i), random).deed];
  EXPECT_NEAR(seen[Deed::kFail], 1000, 150);
  EXPECT_NEAR(seen[Deed::kHang], 500, 100);
  EXPECT_NEAR(seen[Deed::kVanish], 200, 60);
  EXPECT_NEAR(seen[Deed::kDuplicate], 2000, 200);
}

TEST(SyntheticPicture, IsCanonicalAndFollowsFromItsSeed) {
  const Bytes picture = make_picture(24, 20, 5);
  EXPECT_TRUE(image::check_canonical(picture));
  EXPECT_EQ(make_picture(24, 20, 5), picture);
  EXPECT_NE(make_picture(24, 20, 6), picture);
  SyntheticPictures pictures;
  EXPECT_EQ(pictures.get(24, 20, 5).bytes, picture);
  EXPECT_EQ(pictures.get(24, 20, 5).sha256, to_hex(sha256(picture)));
}

TEST(Roster, IsReadAsItWasMade) {
  const worldshare::testing::TempFolder folder;
  ASSERT_TRUE(make_roster(folder.path(), 5, 2));
  const auto members = load_roster(folder.path() / "roster.txt", 5);
  ASSERT_TRUE(members) << members.error().message;
  EXPECT_EQ((*members)[0].owner, (*members)[2].owner);
  EXPECT_NE((*members)[0].owner, (*members)[1].owner);
  const auto conf = read_file(folder.path() / "agents.conf", 1 << 20).value();
  const auto sql = read_file(folder.path() / "enrol.sql", 1 << 20).value();
  for (const auto& member : *members) {
    EXPECT_TRUE(conf.contains(member.key.public_key()));
    EXPECT_TRUE(sql.contains(member.key.public_key()));
  }
  EXPECT_EQ(load_roster(folder.path() / "roster.txt", 6).error().code, Errc::kInvalid);
  ASSERT_TRUE(write_file_atomically(folder.path() / "bad.txt", "SUX owner\n"));
  EXPECT_TRUE(load_roster(folder.path() / "bad.txt", 1).error().message.contains("line 1"));
}

}  // namespace
}  // namespace worldshare::swarm
