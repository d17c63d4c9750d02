#include <fmt/format.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/json.hpp>

#include "shared/nats/connection.h"
#include "tests/integration/dispatcher_fixture.h"

namespace worldshare::testing {
namespace {

namespace json = boost::json;

constexpr const char* kOneReplica = R"(, "policy": {"replicas": 1, "max_replicas": 2})";

/// A connection that says one request and reads what comes.
class Client {
 public:
  Client(std::uint16_t port, const std::string& head) {
    stream_.expires_after(20s);
    stream_.connect("127.0.0.1", std::to_string(port));
    stream_ << head << std::flush;
  }
  /// Everything up to and with `text`; what came so far when it does not come.
  std::string until(const std::string& text) {
    std::string seen;
    for (char c = 0; stream_.get(c);) {
      seen += c;
      if (seen.ends_with(text)) return seen;
    }
    ADD_FAILURE() << "'" << text << "' did not come, but: " << seen;
    return seen;
  }
  bool ends() {
    char c = 0;
    while (stream_.get(c)) {
    }
    return stream_.error() != boost::asio::error::timed_out;
  }

 private:
  boost::asio::ip::tcp::iostream stream_;
};

class GatewayTest : public DispatcherTest {
 protected:
  std::unique_ptr<Client> events(const std::string& path = "/v1/events",
                                 const std::string& last = "") {
    std::string head =
        "GET " + path + " HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + kToken + "\r\n";
    if (!last.empty()) head += "Last-Event-ID: " + last + "\r\n";
    return std::make_unique<Client>(config_.http_port, head + "\r\n");
  }
  http::Response raw(const std::string& path, const std::map<std::string, std::string>& headers) {
    std::string head = "GET " + path +
                       " HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer " +
                       std::string(kToken) + "\r\n";
    for (const auto& [name, value] : headers) head += name + ": " + value + "\r\n";
    boost::asio::ip::tcp::iostream stream;
    stream.expires_after(20s);
    stream.connect("127.0.0.1", std::to_string(config_.http_port));
    stream << head << "\r\n" << std::flush;
    const std::string all{std::istreambuf_iterator<char>(stream), {}};
    http::Response response;
    response.status = all.size() > 12 ? static_cast<unsigned>(std::stoi(all.substr(9, 3))) : 0;
    const auto end = all.find("\r\n\r\n");
    std::istringstream lines(all.substr(0, end));
    for (std::string line; std::getline(lines, line);) {
      const auto colon = line.find(": ");
      if (colon != std::string::npos)
        response.headers[line.substr(0, colon)] = line.substr(colon + 2, line.size() - colon - 3);
    }
    if (end != std::string::npos) response.body = all.substr(end + 4);
    return response;
  }
  json::object object(const std::string& path, unsigned status = 200) {
    const auto response = http::get(url_ + path, options_);
    EXPECT_TRUE(response && response->status == status) << path << (response ? response->body : "");
    return response ? json::parse(response->body).as_object() : json::object{};
  }
  /// What a verifier writes for a result that it judged.
  void judge(const std::string& lease,
             const std::string& judged,
             const std::string& artifact,
             bool final) {
    auto pg = pg::Connection::open(config_.postgres_conninfo);
    ASSERT_TRUE(pg);
    ASSERT_TRUE(pg->exec(
        "insert into results (lease, unit, owner, agent, outcome, artifact, size_bytes, "
        "render_seconds, judged, audit, trusted) "
        "select lease, unit, owner, agent, 'rendered', $2, 9, 3, $3, audit, trusted from replicas "
        "where lease = $1",
        {lease, artifact, judged}));
    ASSERT_TRUE(pg->exec(
        "insert into postings (lease, kind, owner, job, amount_ms) select r.lease, 'earned', "
        "r.owner, u.job, 3000 from results r join units u on u.id = r.unit "
        "where lease = $1 and judged = 'agreed'",
        {lease}));
    if (!final) return;
    ASSERT_TRUE(
        pg->exec("insert into verdicts (unit, lease, decision, artifact, reason) select unit, "
                 "lease, 'accepted', artifact, "
                 "'2 of 3 agree' from results where lease = $1",
                 {lease}));
    ASSERT_TRUE(
        pg->exec("insert into outputs (unit, job, frame, artifact, size_bytes) select u.id, u.job, "
                 "u.frame, r.artifact, 9 "
                 "from results r join units u on u.id = r.unit where lease = $1",
                 {lease}));
  }
  void execute(const std::string& sql) {
    auto pg = pg::Connection::open(config_.postgres_conninfo);
    const auto done = pg->exec(sql.c_str());
    EXPECT_TRUE(done) << done.error().message;
  }
  static std::string path_of(const std::string& url) { return url.substr(url.find("/v1/")); }
};

TEST_F(GatewayTest, EventsComeAndAreResumedBehindTheLastOne) {
  FakeAgent one = agent("anna");
  auto all = events();
  EXPECT_NE(all->until("event: ready\n").find("text/event-stream"), std::string::npos);
  const std::string job = submit(R"({"first": 1, "last": 1})", kOneReplica);
  const std::string accepted = all->until("event: job_accepted\n");
  const std::string id =
      accepted.substr(accepted.rfind("id: ") + 4,
                      accepted.rfind('\n', accepted.size() - 2) - accepted.rfind("id: ") - 4);
  EXPECT_NE(all->until("\n\n").find("\"job\": \"" + job + "\""), std::string::npos);
  const auto work = assigned(one);
  all->until("event: frame_leased\n");
  verdict(work.lease, wire::Decision::accepted, 1);
  all->until("event: job_completed\n");
  // Whoever comes back misses nothing and gets nothing twice.
  auto again = events("/v1/jobs/" + job + "/events", id);
  const std::string missed = again->until("event: job_completed\n");
  EXPECT_EQ(missed.find("job_accepted"), std::string::npos) << missed;
  EXPECT_NE(missed.find("event: frame_leased"), std::string::npos) << missed;
  EXPECT_EQ(raw("/v1/jobs/nobody/events", {}).status, 404U);
  EXPECT_EQ(raw("/v1/events", {{"Last-Event-ID", "x"}}).status, 400U);
}

TEST_F(GatewayTest, AnotherGatewayResumesTheSameEvents) {
  auto all = events();
  all->until("event: ready\n");
  const std::string job = submit();
  const std::string seen = all->until("event: job_accepted\n");
  const auto at = seen.rfind("id: ") + 4;
  const std::string id = seen.substr(at, seen.find('\n', at) - at);
  stop();
  EXPECT_NE(all->until("event: end\n").size(), 0U);
  EXPECT_TRUE(all->ends());
  start();
  const auto paused = http::post(url_ + "/v1/jobs/" + job + "/control", "application/json",
                                 R"({"action": "pause"})", options_);
  ASSERT_EQ(paused->status, 200U);
  const std::string since = events("/v1/events", id)->until("event: job_changed\n");
  EXPECT_EQ(since.find("job_accepted"), std::string::npos) << since;
  // An id that this stream never gave: the client has to read the state again.
  events("/v1/events", "999999999")->until("event: reset\n");
}

TEST_F(GatewayTest, EventsGoOnAfterTheBrokerWasAway) {
  auto all = events();
  all->until("event: ready\n");
  broker_->kill();
  broker_->restart();
  ASSERT_TRUE(eventually([&] { return http::get(url_ + "/ready")->status == 200; }));
  submit();
  all->until("event: job_accepted\n");
}

TEST_F(GatewayTest, ListsComeInPagesWithoutGapOrDouble) {
  std::set<std::string> jobs;
  for (int i = 0; i < 5; ++i)
    jobs.insert(
        submit(R"({"first": 1, "last": 3})", R"(, "title": "Shot )" + std::to_string(i) + "\""));
  std::set<std::string> seen;
  std::string cursor;
  int pages = 0;
  do {
    const auto page = object("/v1/jobs?limit=2" + cursor);
    for (const auto& job : page.at("jobs").as_array())
      EXPECT_TRUE(seen.insert(std::string(job.at("id").as_string())).second) << "twice";
    cursor = page.contains("next") ? "&cursor=" + std::string(page.at("next").as_string()) : "";
    ++pages;
  } while (!cursor.empty() && pages < 9);
  EXPECT_EQ(seen, jobs);
  EXPECT_EQ(pages, 3);
  EXPECT_EQ(object("/v1/jobs?search=SHOT%203").at("jobs").as_array().size(), 1U);
  EXPECT_FALSE(object("/v1/jobs?state=completed").contains("jobs"));
  EXPECT_EQ(object("/v1/jobs?state=gone", 400).at("field"), "state");
  EXPECT_EQ(object("/v1/jobs?limit=0", 400).at("field"), "limit");
  EXPECT_EQ(object("/v1/jobs?cursor=1f", 400).at("field"), "cursor");
  EXPECT_EQ(object("/v1/jobs?colour=red", 400).at("field"), "colour");
  EXPECT_EQ(object("/v1/owners").size(), 0U);
  FakeAgent one = agent("anna");
  FakeAgent two = agent("bert");
  const auto owners = object("/v1/owners?limit=1");
  EXPECT_EQ(owners.at("owners").at(0).at("owner"), "anna");
  EXPECT_EQ(object("/v1/owners?cursor=" + std::string(owners.at("next").as_string()))
                .at("owners")
                .at(0)
                .at("owner"),
            "bert");
  EXPECT_EQ(object("/v1/nodes?owner=bert").at("nodes").as_array().size(), 1U);
}

TEST_F(GatewayTest, AnAnswerThatTheClientHasIsNotSentAgain) {
  const std::string job = submit();
  const std::vector<std::string> paths = {"/v1/jobs/" + job, "/v1/jobs/" + job + "/frames/1",
                                          "/v1/jobs"};
  for (const std::string& path : paths) {
    const auto first = raw(path, {});
    ASSERT_EQ(first.status, 200U);
    const std::string tag = first.headers.at("ETag");
    const auto again = raw(path, {{"If-None-Match", tag}});
    EXPECT_EQ(again.status, 304U) << path;
    EXPECT_EQ(again.body, "");
    EXPECT_EQ(again.headers.at("ETag"), tag);
  }
  const std::string tag = raw("/v1/jobs/" + job, {}).headers.at("ETag");
  http::post(url_ + "/v1/jobs/" + job + "/control", "application/json", R"({"action": "pause"})",
             options_);
  EXPECT_EQ(raw("/v1/jobs/" + job, {{"If-None-Match", tag}}).status, 200U);
}

TEST_F(GatewayTest, ABlobIsServedInPartsAndHarmless) {
  submit();
  const std::string blend = tiny_blend();
  const std::string path = "/v1/blobs/" + to_hex(sha256(as_bytes(blend)));
  const auto part = raw(path, {{"Range", "bytes=8-11"}});
  EXPECT_EQ(part.status, 206U);
  EXPECT_EQ(part.body, blend.substr(8, 4));
  EXPECT_EQ(part.headers.at("Content-Range"), "bytes 8-11/" + std::to_string(blend.size()));
  EXPECT_EQ(raw(path, {{"Range", "bytes=9999-"}}).status, 416U);
  const auto whole = raw(path, {});
  EXPECT_EQ(whole.body, blend);
  EXPECT_EQ(whole.headers.at("X-Content-Type-Options"), "nosniff");
  EXPECT_EQ(whole.headers.at("Content-Security-Policy"), "default-src 'none'; sandbox");
  EXPECT_EQ(whole.headers.at("Content-Disposition"), "attachment");
  EXPECT_EQ(raw(path, {{"If-None-Match", whole.headers.at("ETag")}}).status, 304U);
}

TEST_F(GatewayTest, APictureIsShownOnlyAfterItsVerdict) {
  FakeAgent one = agent("anna");
  FakeAgent two = agent("bert");
  const std::string job = submit(R"({"first": 1, "last": 2})");
  const std::string right = stored("\x89PNG\r\n\x1a\n.");
  const std::string wrong = stored("\x89PNG\r\n\x1a\n!");
  const auto first = assigned(one);
  const auto second = assigned(two);
  const std::string frame = "/v1/jobs/" + job + "/frames/" + std::to_string(first.frame);
  judge(first.lease, "rejected", wrong, false);
  auto status = object(frame);
  EXPECT_EQ(status.at("state"), "in_work");
  for (const auto& replica : status.at("replicas").as_array())
    EXPECT_FALSE(replica.as_object().contains("url")) << "no final verdict yet";
  EXPECT_EQ(raw("/v1/blobs/" + wrong, {}).status, 404U);
  judge(second.lease, "agreed", right, true);
  status = object(frame);
  EXPECT_EQ(status.at("state"), "accepted");
  EXPECT_EQ(status.at("reason"), "2 of 3 agree");
  int chosen = 0;
  for (const auto& replica : status.at("replicas").as_array()) {
    const auto picture = http::get(std::string(replica.at("url").as_string()));
    EXPECT_EQ(picture->status, 200U);
    EXPECT_EQ(picture->headers.at("content-type"), "image/png");
    chosen += replica.at("chosen").as_bool() ? 1 : 0;
  }
  EXPECT_EQ(chosen, 1);
  const auto list = object("/v1/jobs/" + job + "/frames").at("frames").as_array();
  ASSERT_EQ(list.size(), 1U);
  EXPECT_EQ(list[0].at("state"), "accepted");
  EXPECT_EQ(list[0].at("rejected"), 1);
  EXPECT_EQ(list[0].at("url"), status.at("url"))
      << "the same for a while, so that a browser keeps it";
  EXPECT_TRUE(object("/v1/jobs").at("jobs").at(0).as_object().contains("preview"));
  const auto owner = object("/v1/owners").at("owners").at(1).as_object();
  EXPECT_EQ(owner.at("owner"), "bert");
  EXPECT_EQ(owner.at("credit").to_number<double>(), 3);
}

TEST_F(GatewayTest, FiguresCountWhatHappened) {
  stop();
  config_.gpu_hour_price = 1200;
  start();
  FakeAgent one = agent("anna");
  submit(R"({"first": 1, "last": 1})", kOneReplica);
  const auto work = assigned(one);
  judge(work.lease, "agreed", std::string(64, 'a'), true);
  verdict(work.lease, wire::Decision::accepted, 1);
  json::object figures;
  EXPECT_TRUE(eventually([&] {
    figures = object("/v1/figures?hours=1");
    return figures.at("jobs_per_hour").to_number<double>() > 0;
  }));
  EXPECT_NEAR(figures.at("frames_per_hour").to_number<double>(), 6, 0.1)
      << "one in the ten minutes that count at least";
  EXPECT_EQ(figures.at("consensus_rate").to_number<double>(), 1);
  EXPECT_NEAR(figures.at("cost_saved").to_number<double>(), 1, 1e-9)
      << "three seconds at a third a second";
  EXPECT_EQ(figures.at("points").as_array().size(), 48U);
  EXPECT_EQ(object("/v1/figures?hours=0", 400).at("field"), "hours");
}

TEST_F(GatewayTest, AnOperatorAppointsTrustedHardwareOnTheRecord) {
  agent("anna");
  agent("bert");
  execute("insert into trust (owner, state, trusted) values ('bert', 'banned', true)");
  const auto order = [&](const std::string& owner, const std::string& body, unsigned status) {
    const auto answer = http::post(url_ + "/v1/trust/" + owner + "/overrule", "application/json",
                                   "{" + body + "}", options_);
    EXPECT_EQ(answer->status, status) << body << answer->body;
    return json::parse(answer->body).as_object();
  };
  const std::string by = R"(, "operator": "olga", "reason": "it is in our rack")";
  order("anna", R"("action": "crown")" + by, 400);
  EXPECT_EQ(order("anna", by.substr(2), 400).at("detail"),
            "action: must be readmit, ban, appoint or relieve");
  EXPECT_EQ(order("bert", R"("action": "appoint")" + by, 409).at("detail"),
            "owner bert is excluded: readmit it first");
  order("nobody", R"("action": "appoint")" + by, 404);
  for (const char* action : {"readmit", "ban", "relieve", "appoint"}) {
    const std::string ordered = R"("action": ")" + std::string(action) + "\"";
    EXPECT_EQ(order("anna", ordered + R"(, "operator": "olga")", 400).at("field"), "reason");
    const auto shown = order("anna", ordered + by, 200);
    const auto& last = shown.at("overrules").at(0).as_object();
    EXPECT_EQ(last.at("action"), action);
    EXPECT_EQ(last.at("reason"), "it is in our rack");
    EXPECT_EQ(shown.at("trusted"), false) << "the verifier carries it out";
  }
  EXPECT_EQ(object("/v1/trust/anna").at("overrules").as_array().size(), 4U);
  execute("insert into trust (owner, trusted) values ('anna', true)");
  EXPECT_EQ(object("/v1/trust/anna").at("trusted"), true);
  EXPECT_EQ(object("/v1/trust/bert").at("trusted"), false) << "nobody believes who is excluded";
}

TEST_F(GatewayTest, AWholeRenderOfTrustedHardwareIsShownAsResultAndAsAudit) {
  FakeAgent one = agent("anna");
  FakeAgent two = agent("olga");
  const std::string job = submit(R"({"first": 1, "last": 1})", kOneReplica);
  const auto work = assigned(one);
  judge(work.lease, "rejected", stored("\x89PNG\r\n\x1a\n!"), false);
  for (const auto& [lease, tiles] : {std::pair("a look", 256), std::pair("a render", 0)}) {
    execute(
        fmt::format("insert into audits (unit, target, seed, tiles, samples, cost, trusted) "
                    "select unit, lease, 1, {}, 32, 1, true from results where lease = '{}'",
                    tiles, work.lease));
    execute(
        fmt::format("insert into replicas (lease, unit, agent, owner, slot, expires_at, audit, "
                    "trusted, state) select '{}', p.unit, '{}', 'olga', 0, now(), a.id, true, "
                    "'reported' from replicas p join audits a on a.target = p.lease and a.tiles "
                    "= {}",
                    lease, two.key.public_key(), tiles));
  }
  judge("a look", "agreed", stored("tiles"), false);
  judge("a render", "agreed", stored("\x89PNG\r\n\x1a\n."), true);
  execute(
      "update audits a set state = 'passed', lease = r.lease from results r where r.audit = a.id");
  const auto units = object("/v1/jobs/" + job + "/units").at("units").as_array();
  const auto unit =
      object("/v1/units/" + std::to_string(units.at(0).at("id").as_int64()) + "/verdicts");
  ASSERT_EQ(unit.at("replicas").as_array().size(), 2U) << "tiles are no picture";
  EXPECT_EQ(unit.at("replicas").at(1).at("lease"), "a render");
  ASSERT_EQ(unit.at("audits").as_array().size(), 2U);
  for (const auto& audit : unit.at("audits").as_array()) {
    EXPECT_EQ(audit.at("owner"), "anna");
    EXPECT_EQ(audit.at("auditor"), "olga");
    EXPECT_EQ(audit.at("trusted"), true);
  }
  EXPECT_EQ(unit.at("audits").at(0).at("whole"), false);
  EXPECT_EQ(unit.at("audits").at(1).at("whole"), true);
  const auto replicas = object("/v1/jobs/" + job + "/frames/1").at("replicas").as_array();
  ASSERT_EQ(replicas.size(), 2U);
  EXPECT_EQ(replicas[1].at("chosen"), true);
  EXPECT_EQ(object("/v1/jobs/" + job + "/frames").at("frames").at(0).at("agreed"), 1);
  EXPECT_GT(object("/v1/figures?hours=1").at("render_hours").to_number<double>(), 0);
}

TEST_F(GatewayTest, ProblemsAreOfOneForm) {
  for (const char* path :
       {"/v1/nothing", "/nothing", "/v1/jobs/x", "/v1/jobs/x/frames/1", "/v1/jobs/x/units"}) {
    const auto response = http::get(url_ + path, options_);
    EXPECT_EQ(response->status, 404U) << path;
    EXPECT_EQ(response->headers.at("content-type"), "application/problem+json");
    const auto problem = json::parse(response->body).as_object();
    EXPECT_EQ(problem.at("type"), "about:blank");
    EXPECT_EQ(problem.at("title"), "Not Found");
    EXPECT_EQ(problem.at("status"), 404);
    EXPECT_TRUE(problem.contains("detail"));
  }
  const auto method = http::post(url_ + "/v1/queue", "application/json", "{}", options_);
  EXPECT_EQ(method->status, 405U);
  EXPECT_EQ(method->headers.at("allow"), "GET");
  const auto field = json::parse(post("{}").body).as_object();
  EXPECT_EQ(field.at("type"), "urn:worldshare:problem:invalid-field");
  EXPECT_EQ(http::get(url_ + "/v1/events")->status, 401U);
  EXPECT_EQ(raw("/v1/../etc/passwd", {}).status, 400U);
}

TEST_F(GatewayTest, ThePagesAreServedFromTheirFolderAndNothingElseIs) {
  stop();
  const auto pages = folder_.path() / "pages";
  std::filesystem::create_directories(pages / "assets");
  ASSERT_TRUE(write_file_atomically(pages / "index.html", std::string_view("<!doctype html>")));
  ASSERT_TRUE(write_file_atomically(pages / "assets/a-1.js", std::string_view("export {}")));
  ASSERT_TRUE(
      write_file_atomically(folder_.path() / "other.html", std::string_view("not for anybody")));
  config_.dashboard_directory = pages;
  start();
  const auto index = http::get(url_ + "/");
  EXPECT_EQ(index->body, "<!doctype html>");
  EXPECT_TRUE(index->headers.at("content-security-policy")
                  .starts_with("default-src 'none'; script-src 'self'"));
  const auto script = http::get(url_ + "/assets/a-1.js");
  EXPECT_EQ(script->headers.at("content-type"), "text/javascript; charset=utf-8");
  EXPECT_NE(script->headers.at("cache-control").find("immutable"), std::string::npos);
  for (const char* path : {"/other.html", "/assets", "/assets/", "/../other.html",
                           "/%2e%2e/other.html", "//index.html"})
    EXPECT_GE(http::get(url_ + path)->status, 400U) << path;
}

}  // namespace
}  // namespace worldshare::testing
