#include <gtest/gtest.h>

#include <thread>

#include "shared/files.h"
#include "shared/http/client.h"
#include "shared/http/server.h"
#include "shared/nats/address.h"
#include "shared/process.h"
#include "tests/support/authority.h"
#include "tests/support/nats_server.h"

namespace worldshare::testing {
namespace {

using std::chrono_literals::operator""h;
using std::chrono_literals::operator""s;

class Hello final : public http::Handler {
 public:
  http::HeadDecision on_head(const http::Request&) override { return http::NeedBody{1U << 22}; }
  http::Reply on_request(const http::Request& request) override {
    return {200, "text/plain", request.body.empty() ? "hello" : request.body, file, {}};
  }
  std::string file;
};

class HttpsTest : public ::testing::Test {
 protected:
  /// Serves with this certificate; the address by the name localhost.
  std::string serve(const Authority::Issued& issued) {
    http::ServerOptions options;
    options.port = 0;
    options.certificate = issued.certificate;
    options.key = issued.key;
    auto server = http::Server::open(options, handler_);
    EXPECT_TRUE(server) << server.error().message;
    if (!server) return {};
    server_ = std::move(*server);
    return "https://localhost:" + std::to_string(server_->port()) + "/";
  }
  static http::ClientOptions trusting(const Authority& authority) {
    http::ClientOptions options;
    options.ca_file = authority.certificate();
    options.timeout = 10s;
    return options;
  }
  static Error refusal(const Result<http::Response>& response) {
    EXPECT_FALSE(response);
    return response ? Error{} : response.error();
  }

  TempFolder folder_;
  Authority authority_;
  Hello handler_;
  std::unique_ptr<http::Server> server_;
};

TEST_F(HttpsTest, CarriesWhatHttpCarries) {
  const auto url = serve(authority_.issue(kLoopbackNames));
  const auto options = trusting(authority_);
  const auto got = http::get(url, options);
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(got->body, "hello");
  const std::string large(3'000'000, 'x');
  EXPECT_EQ(http::post(url, "text/plain", large, options)->body, large);
  ASSERT_TRUE(write_file_atomically(folder_.path() / "file", large));
  handler_.file = folder_.path() / "file";
  ASSERT_TRUE(http::get_file(url, folder_.path() / "copy", large.size(), options));
  EXPECT_EQ(read_file(folder_.path() / "copy", 1U << 22), large);
  const auto by_address = "https://127.0.0.1:" + std::to_string(server_->port()) + "/";
  EXPECT_TRUE(http::get(by_address, options));
}

TEST_F(HttpsTest, AWrongAuthorityIsRefusedWithTheRemedy) {
  const auto url = serve(authority_.issue(kLoopbackNames));
  const Authority other;
  const auto error = refusal(http::get(url, trusting(other)));
  EXPECT_EQ(error.code, Errc::kDenied);
  EXPECT_TRUE(error.message.contains("authority that is not trusted here")) << error.message;
  EXPECT_TRUE(error.message.contains("--ca FILE")) << error.message;
  EXPECT_FALSE(http::get(url)) << "the system's authorities do not know ours";
}

TEST_F(HttpsTest, AnExpiredCertificateIsRefusedWithTheRemedy) {
  const auto url = serve(authority_.issue(kLoopbackNames, -2h, -1h));
  const auto error = refusal(http::get(url, trusting(authority_)));
  EXPECT_EQ(error.code, Errc::kDenied);
  EXPECT_TRUE(error.message.contains("has expired; its operator must renew it")) << error.message;
}

TEST_F(HttpsTest, ACertificateOfTheFutureSpeaksOfTheClock) {
  const auto url = serve(authority_.issue(kLoopbackNames, 1h, 2h));
  const auto error = refusal(http::get(url, trusting(authority_)));
  EXPECT_TRUE(error.message.contains("set this machine's clock")) << error.message;
}

TEST_F(HttpsTest, ACertificateForAnotherNameIsRefused) {
  const auto url = serve(authority_.issue("DNS:farm.example.org"));
  const auto error = refusal(http::get(url, trusting(authority_)));
  EXPECT_TRUE(error.message.contains("is for another name")) << error.message;
}

TEST_F(HttpsTest, PlainAndTlsDoNotMixSilently) {
  const auto url = serve(authority_.issue(kLoopbackNames));
  const auto plain = "http" + url.substr(5);
  EXPECT_FALSE(http::get(plain));
  http::ServerOptions options;
  options.port = 0;
  auto server = http::Server::open(options, handler_);
  ASSERT_TRUE(server);
  const auto wrong = "https://localhost:" + std::to_string((*server)->port()) + "/";
  const auto error = refusal(http::get(wrong, trusting(authority_)));
  EXPECT_TRUE(error.message.contains("is it an https port?")) << error.message;
}

TEST_F(HttpsTest, AServerThatCannotStartSaysWhichFile) {
  auto issued = authority_.issue(kLoopbackNames);
  const auto open = [&] {
    http::ServerOptions options;
    options.port = 0;
    options.certificate = issued.certificate;
    options.key = issued.key;
    auto server = http::Server::open(options, handler_);
    return server ? "it started" : server.error().message;
  };
  const auto key = issued.key;
  issued.key = authority_.issue(kLoopbackNames).key;
  EXPECT_TRUE(open().contains("does not belong to the certificate")) << open();
  issued.key = key;
  std::filesystem::permissions(key, std::filesystem::perms(0644));
  EXPECT_TRUE(open().contains("chmod 600")) << open();
  issued.key = "/nonexistent.key";
  EXPECT_TRUE(open().contains("no key file /nonexistent.key")) << open();
}

TEST_F(HttpsTest, PlainHttpLeavesThisMachineOnlyWhenItIsAllowed) {
  http::ClientOptions options;
  options.allow_plain = false;
  const auto error = refusal(http::get("http://192.0.2.1/", options));
  EXPECT_EQ(error.code, Errc::kDenied);
  EXPECT_TRUE(error.message.contains("use https://")) << error.message;
  http::ServerOptions plain;
  plain.port = 0;
  auto server = http::Server::open(plain, handler_);
  ASSERT_TRUE(server);
  EXPECT_TRUE(http::get("http://127.0.0.1:" + std::to_string((*server)->port()) + "/", options));
}

TEST_F(HttpsTest, TheDevelopmentAuthorityIsGoodForHttps) {
  ProcessOptions script;
  script.argv = {std::string(WS_SOURCE_DIR) + "/tools/make_ca.sh", (folder_.path() / "ca").string(),
                 "farm.example.org"};
  script.output_file = folder_.path() / "log";
  auto made = Process::spawn(script);
  ASSERT_TRUE(made);
  ASSERT_EQ(made->wait(30s).value_or(-1), 0) << *read_file(folder_.path() / "log", 10'000);
  const auto url = serve({folder_.path() / "ca/server.pem", folder_.path() / "ca/server.key",
                          folder_.path() / "ca/ca.pem"});
  http::ClientOptions options;
  options.ca_file = folder_.path() / "ca/ca.pem";
  const auto got = http::get(url, options);
  EXPECT_TRUE(got) << got.error().message;
}

class BrokerTlsTest : public ::testing::Test {
 protected:
  static nats::ConnectOptions as_dispatcher(const NatsServer& broker, const Authority& trusted) {
    auto options = broker.options(broker.dispatcher());
    options.ca_file = trusted.certificate();
    return options;
  }
  static std::string why(const nats::ConnectOptions& options) {
    const auto opened = nats::Connection::open(options);
    return opened ? "it connected" : opened.error().message;
  }
  Authority authority_;
};

TEST_F(BrokerTlsTest, ATrustedBrokerIsUsed) {
  const auto broker = NatsServer::start(authority_.issue(kLoopbackNames));
  auto options = as_dispatcher(*broker, authority_);
  auto opened = nats::Connection::open(options);
  ASSERT_TRUE(opened) << opened.error().message;
  auto heard = (*opened)->subscribe("test");
  ASSERT_TRUE(heard);
  ASSERT_TRUE((*opened)->publish("test", as_bytes(std::string(100'000, 'x'))));
  const auto message = heard->next(std::chrono::milliseconds(5000));
  EXPECT_TRUE(message && *message && (*message)->data().size() == 100'000);
  options.url = "tls://localhost:" + std::to_string(broker->port());
  EXPECT_TRUE(nats::Connection::open(options)) << "by its name";
}

TEST_F(BrokerTlsTest, ABrokerThatIsNotToBeTrustedIsRefusedWithTheRemedy) {
  const auto broker = NatsServer::start(authority_.issue(kLoopbackNames));
  const Authority other;
  EXPECT_TRUE(why(as_dispatcher(*broker, other)).contains("authority that is not trusted here"))
      << why(as_dispatcher(*broker, other));
  const auto good = as_dispatcher(*broker, authority_);
  auto plain = good;
  plain.url = "nats://127.0.0.1:" + std::to_string(broker->port());
  EXPECT_TRUE(why(plain).contains("write tls://")) << why(plain);
  broker->stop();
  broker->use(authority_.issue(kLoopbackNames, -2h, -1h));
  broker->restart();
  EXPECT_TRUE(why(good).contains("has expired")) << why(good);
  broker->stop();
  broker->use(authority_.issue("DNS:farm.example.org"));
  broker->restart();
  EXPECT_TRUE(why(good).contains("is for another name")) << why(good);
}

TEST_F(BrokerTlsTest, ABrokerWithoutTlsIsNotUsedInItsPlace) {
  const auto broker = NatsServer::start();
  auto options = as_dispatcher(*broker, authority_);
  options.url = "tls://127.0.0.1:" + std::to_string(broker->port());
  EXPECT_TRUE(why(options).contains("the broker has no TLS")) << why(options);
}

TEST_F(BrokerTlsTest, AConnectionComesBackWhenAnExpiredCertificateIsRenewed) {
  const auto broker = NatsServer::start(authority_.issue(kLoopbackNames));
  auto opened = nats::Connection::open(as_dispatcher(*broker, authority_));
  ASSERT_TRUE(opened) << opened.error().message;
  const auto wait = [&](bool connected) {
    const auto deadline = std::chrono::steady_clock::now() + 20s;
    while ((*opened)->connected() != connected && std::chrono::steady_clock::now() < deadline)
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    return (*opened)->connected() == connected;
  };
  broker->stop();
  broker->use(authority_.issue(kLoopbackNames, -2h, -1h));
  broker->restart();
  EXPECT_TRUE(wait(false));
  broker->stop();
  broker->use(authority_.issue(kLoopbackNames));
  broker->restart();
  EXPECT_TRUE(wait(true));
}

TEST(BrokerAddress, IsEncryptedBeyondThisMachine) {
  EXPECT_TRUE(nats::check_address("tls://farm.example.org:4222", false));
  EXPECT_TRUE(nats::check_address("nats://127.0.0.1:4222", false));
  EXPECT_TRUE(nats::check_address("nats://farm.example.org", true));
  for (const char* url : {"nats://farm.example.org:4222", "nats://10.0.0.1", "http://127.0.0.1",
                          "127.0.0.1:4222", "", "tls://"})
    EXPECT_FALSE(nats::check_address(url, false)) << url;
}

}  // namespace
}  // namespace worldshare::testing
