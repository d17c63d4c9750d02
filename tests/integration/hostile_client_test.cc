#include <boost/asio/ip/tcp.hpp>
#include <boost/json.hpp>

#include "tests/integration/dispatcher_fixture.h"

namespace worldshare::testing {
namespace {

using boost::asio::ip::tcp;

/// A connection that says whatever it likes.
class Stranger {
 public:
  explicit Stranger(std::uint16_t port, std::chrono::seconds patience = 20s) {
    stream_.expires_after(patience);
    stream_.connect("127.0.0.1", std::to_string(port));
  }
  Stranger& say(const std::string& text) {
    stream_ << text << std::flush;
    return *this;
  }
  /// Everything until the server closes.
  std::string rest() { return {std::istreambuf_iterator<char>(stream_), {}}; }
  bool was_closed() {
    char c = 0;
    while (stream_.get(c)) {
    }
    return stream_.error() != boost::asio::error::timed_out;
  }

 private:
  tcp::iostream stream_;
};

class HostileClientTest : public DispatcherTest {
 protected:
  std::string answers(const std::string& text) {
    return Stranger(config_.http_port).say(text).rest();
  }
  static int count(const std::string& text, const std::string& part) {
    int found = 0;
    for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
    return found;
  }
  /// A request that would be answered with 200, were it sent by itself.
  static std::string good(const std::string& more = "") {
    return "GET /v1/queue HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer " +
           std::string(kToken) + "\r\n" + more + "\r\n";
  }
  void expect_alive() {
    EXPECT_EQ(http::get(url_ + "/v1/queue", options_)->status, 200U);
    EXPECT_EQ(http::get(url_ + "/ready")->status, 200U);
  }
  void restart_with(const std::function<void(dispatcher::Config&)>& change) {
    stop();
    change(config_);
    start();
  }
};

TEST_F(HostileClientTest, RequestsThatTwoReadersUnderstandDifferentlyAreRefused) {
  // What is behind each of them must never be taken for a second request.
  const std::string hidden = good();
  const std::string post =
      "POST /v1/jobs HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + std::string(kToken) + "\r\n";
  const std::vector<std::string> probes = {
      post + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + hidden,
      post + "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n" + hidden,
      post + "Content-Length: 0\r\nContent-Length: 5\r\n\r\n" + hidden,
      post + "Content-Length: 0, 5\r\n\r\n" + hidden,
      post + "Content-Length: +5\r\n\r\n" + hidden,
      post + "Content-Length: 0x5\r\n\r\n" + hidden,
      post + "Content-Length: -1\r\n\r\n" + hidden,
      post + "Content-Length: 99999999999999999999\r\n\r\n" + hidden,
      post + "Transfer-Encoding: xchunked\r\n\r\n" + hidden,
      post + "Transfer-Encoding: chunked, identity\r\n\r\n" + hidden,
      post + "Transfer-Encoding : chunked\r\n\r\n" + hidden,
      post + "Transfer-Encoding: identity\r\nContent-Length: 0\r\n\r\n" + hidden,
      post +
          "Transfer-Encoding:\x0b"
          "chunked\r\n\r\n" +
          hidden,
      post + "Transfer-Encoding: chunked\r\n\r\nzz\r\n" + hidden,
      post + "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n" + hidden,
      post + "Transfer-Encoding: chunked\r\n\r\n-1\r\n" + hidden,
      post + "X: a\nTransfer-Encoding: chunked\r\n\r\n" + hidden,
      "GET /v1/queue HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n" + hidden,
      "GET /v1/queue HTTP/1.1\r\n\r\n" + hidden,
      "GET /v1/queue HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer a\r\nAuthorization: Bearer "
      "b\r\n\r\n" +
          hidden,
      "POST /v1/jobs HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + hidden};
  for (const auto& probe : probes) {
    const std::string seen = answers(probe);
    EXPECT_EQ(count(seen, "HTTP/1.1 200"), 0) << probe << "\n→\n" << seen;
    EXPECT_LE(count(seen, "HTTP/1.1 "), 1) << probe << "\n→\n" << seen;
  }
  expect_alive();
}

TEST_F(HostileClientTest, NoiseIsRefusedAsAProblemOrCutOff) {
  std::string nul = good("X: a\r\n");
  nul.replace(nul.find("X: a"), 4, std::string("X\0: a", 5));
  const std::vector<std::string> probes = {
      std::string("\0\0\0\0\r\n\r\n", 8),
      "\x16\x03\x01\x02\x01\x01\x01\x01\xfc\x03\x03\r\n\r\n",  // TLS, to a port that does not speak
                                                               // it
      "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/9.9\r\nHost: x\r\n\r\n",
      "GET /v1/queue HTTP/1.1\nHost: x\n\n", "G\xc3\xa4T / HTTP/1.1\r\nHost: x\r\n\r\n",
      "GET /\x80\xff HTTP/1.1\r\nHost: x\r\n\r\n", "GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n",
      "GET http://evil.example/ HTTP/1.1\r\nHost: x\r\n\r\n",
      "CONNECT evil.example:443 HTTP/1.1\r\nHost: x\r\n\r\n", "GET * HTTP/1.1\r\nHost: x\r\n\r\n",
      nul, good(" folded: header\r\n"), good(": no name\r\n")};
  for (const auto& probe : probes) {
    const std::string seen = answers(probe);
    EXPECT_TRUE(seen.empty() || seen.starts_with("HTTP/1.1 4")) << probe << "\n→\n" << seen;
    EXPECT_LE(count(seen, "HTTP/1.1 "), 1) << probe << "\n→\n" << seen;
  }
  expect_alive();
}

TEST_F(HostileClientTest, PathsLeadNowhereElse) {
  for (const char* path :
       {"/v1/blobs/../../etc/passwd", "/v1/blobs/..%2f..%2fetc%2fpasswd",
        "/v1/blobs/%2e%2e/%2e%2e/x", "/v1/blobs/%00", "//v1/queue", "/v1//queue", "/v1/queue/",
        "/v1/queue%00", "/v1/queue%20", "/v1/QUEUE", "/./v1/queue", "/v1/jobs/%ff%fe",
        "/v1/jobs/'; drop table jobs; --", "/v1/nodes/%0d%0aX-Evil:%201/control", "/..", "/%2e",
        "/v1/blobs/ABCDEF"}) {
    std::string target = path;
    for (auto at = target.find(' '); at != std::string::npos; at = target.find(' '))
      target.replace(at, 1, "%20");
    const std::string seen =
        answers("GET " + target + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" +
                "Authorization: Bearer " + kToken + "\r\n\r\n");
    EXPECT_TRUE(seen.starts_with("HTTP/1.1 4")) << path << "\n→\n" << seen;
    EXPECT_EQ(seen.find("root:"), std::string::npos) << path;
    EXPECT_EQ(seen.find("\r\nX-Evil"), std::string::npos) << path;
  }
  expect_alive();
}

TEST_F(HostileClientTest, TextThatIsNoTextIsRefused) {
  for (const std::string body : {"{\"title\": \"\xff\xfe\"}", "\xc0\xaf",
                                 "{\"title\": \"\\ud800\"}", "{\"action\": \"pause\xed\xa0\x80\"}",
                                 "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["
                                 "[[[[[[[[[[[[[[[[[[[[[[[[[[["}) {
    for (const char* path : {"/v1/jobs", "/v1/jobs/x/control", "/v1/tokens", "/v1/session"}) {
      const auto refused = http::post(url_ + path, "application/json", body, options_);
      EXPECT_TRUE(refused && refused->status >= 400 && refused->status < 500)
          << path << " " << body;
    }
  }
  const std::string zero("{\"name\": \"a\\u0000b\", \"role\": \"artist\", \"tenant\": \"t\"}");
  EXPECT_EQ(http::post(url_ + "/v1/tokens", "application/json", zero, options_)->status, 400U);
  for (const char* query : {"?cursor=%ff", "?search=%ff%00", "?limit=%31%30%00", "?state='"})
    EXPECT_LT(http::get(url_ + "/v1/jobs" + query, options_)->status, 500U) << query;
  expect_alive();
}

TEST_F(HostileClientTest, WhatIsTooLargeIsRefusedBeforeItHasCome) {
  const std::string long_header = answers(good("X: " + std::string(20'000, 'a') + "\r\n"));
  EXPECT_TRUE(long_header.starts_with("HTTP/1.1 431")) << long_header.substr(0, 200);
  std::string many;
  for (int i = 0; i < 3'000; ++i) many += "X" + std::to_string(i) + ": a\r\n";
  EXPECT_TRUE(answers(good(many)).starts_with("HTTP/1.1 431"));
  EXPECT_TRUE(answers("GET /" + std::string(20'000, 'a') + " HTTP/1.1\r\nHost: x\r\n\r\n")
                  .starts_with("HTTP/1.1 4"));
  const std::string head =
      "POST /v1/jobs HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + std::string(kToken) + "\r\n";
  EXPECT_TRUE(answers(head + "Content-Length: 99999999999\r\n\r\n{").starts_with("HTTP/1.1 413"));
  const std::string chunk = "100000\r\n" + std::string(0x100000, 'a') + "\r\n";
  std::string chunks;
  for (int i = 0; i < 8; ++i) chunks += chunk;
  EXPECT_TRUE(
      answers(head + "Transfer-Encoding: chunked\r\n\r\n" + chunks).starts_with("HTTP/1.1 413"));
  // Who has no token does not get to send a body at all.
  EXPECT_TRUE(answers("POST /v1/jobs HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n")
                  .starts_with("HTTP/1.1 401"));
  expect_alive();
}

TEST_F(HostileClientTest, SlowClientsAreCutOffWhileOthersAreServed) {
  std::vector<std::unique_ptr<Stranger>> slow;
  for (int i = 0; i < 300; ++i) {
    slow.push_back(std::make_unique<Stranger>(config_.http_port, 60s));
    slow.back()->say("GET /v1/queue HTTP/1.1\r\nHost: x\r\nX-");
  }
  expect_alive();
  const auto begin = std::chrono::steady_clock::now();
  for (auto& client : slow) {
    client->say("a");  // a sign of life does not help: the head has its time as a whole
    EXPECT_TRUE(client->was_closed());
  }
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 45s);
  expect_alive();
}

TEST_F(HostileClientTest, OneAddressDoesNotTakeAllConnections) {
  restart_with([](dispatcher::Config& config) { config.connections_per_address = 5; });
  std::vector<std::unique_ptr<Stranger>> open;
  for (int i = 0; i < 5; ++i) {
    open.push_back(std::make_unique<Stranger>(config_.http_port));
    open.back()->say("GET /health HTTP/1.1\r\n");
  }
  ASSERT_TRUE(eventually([&] {
    return Stranger(config_.http_port)
        .say("GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        .rest()
        .empty();
  }));
  open.clear();
  EXPECT_TRUE(eventually([&] {
    const auto health = http::get(url_ + "/health");
    return health && health->status == 200;
  }));
}

TEST_F(HostileClientTest, WhoGuessesTokensWaits) {
  restart_with([](dispatcher::Config& config) {
    config.open_requests_per_second = 1;
    config.open_request_burst = 60;
  });
  std::map<unsigned, int> seen;
  http::ClientOptions guess;
  for (int i = 0; i < 20; ++i) {
    guess.bearer_token = "wst_guess" + std::to_string(i);
    const auto refused = http::get(url_ + "/v1/jobs", guess);
    ++seen[refused->status];
    if (refused->status != 429) continue;
    EXPECT_GE(std::stoi(refused->headers.at("retry-after")), 1);
    EXPECT_EQ(refused->headers.at("content-type"), "application/problem+json");
  }
  EXPECT_EQ(seen.size(), 2U);
  EXPECT_LE(seen[401], 7);
  EXPECT_GE(seen[429], 13);
  // Whoever has a token is not held up by a neighbour's guesses.
  EXPECT_EQ(http::get(url_ + "/v1/jobs", options_)->status, 200U);
}

TEST_F(HostileClientTest, ATokenIsToldItsLimitAndHeldToIt) {
  restart_with([](dispatcher::Config& config) {
    config.requests_per_second = 0.01;
    config.request_burst = 5;
  });
  const auto made = http::post(url_ + "/v1/tokens", "application/json",
                               R"({"name": "a", "role": "artist", "tenant": "a"})", options_);
  http::ClientOptions artist;
  artist.bearer_token = boost::json::parse(made->body).as_object().at("secret").as_string();
  for (int left = 4; left >= 0; --left) {
    const auto answer = http::get(url_ + "/v1/jobs", artist);
    EXPECT_EQ(answer->status, 200U);
    EXPECT_EQ(answer->headers.at("ratelimit-limit"), "5");
    EXPECT_EQ(answer->headers.at("ratelimit-remaining"), std::to_string(left));
    EXPECT_GE(std::stoi(answer->headers.at("ratelimit-reset")), 1);
  }
  const auto refused = http::get(url_ + "/v1/jobs", artist);
  EXPECT_EQ(refused->status, 429U);
  EXPECT_EQ(refused->headers.at("ratelimit-remaining"), "0");
  EXPECT_GE(std::stoi(refused->headers.at("retry-after")), 1);
}

TEST_F(HostileClientTest, AnswersAreCompressedForWhoTakesThat) {
  for (int i = 0; i < 10; ++i) submit();
  const std::string small = answers(
      "GET /v1/jobs HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAccept-Encoding: gzip\r\n"
      "Authorization: Bearer " +
      std::string(kToken) + "\r\n\r\n");
  EXPECT_NE(small.find("Content-Encoding: gzip\r\n"), std::string::npos);
  EXPECT_NE(small.find("\r\n\r\n\x1f\x8b"), std::string::npos);
  const std::string plain =
      answers("GET /v1/jobs HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer " +
              std::string(kToken) + "\r\n\r\n");
  EXPECT_EQ(plain.find("Content-Encoding"), std::string::npos);
  EXPECT_NE(plain.find("Vary: Accept-Encoding"), std::string::npos);
  EXPECT_LT(small.size() * 2, plain.size());
}

}  // namespace
}  // namespace worldshare::testing
