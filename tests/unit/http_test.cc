#include <gtest/gtest.h>
#include <netinet/in.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <thread>
#include <vector>

#include "shared/descriptor.h"
#include "shared/files.h"
#include "shared/http/client.h"
#include "shared/http/server.h"
#include "shared/ids.h"

namespace worldshare::http {
namespace {

class CountingSink final : public BodySink {
 public:
  Result<> write(ByteView bytes) override {
    count_ += bytes.size();
    if (count_ > 3'000'000) return fail(Errc::kInvalid, "enough");
    return {};
  }
  Reply finish() override { return {200, "text/plain", std::to_string(count_), {}, {}}; }
  Reply on_error(const Error& error) override { return {413, "text/plain", error.message, {}, {}}; }

 private:
  std::size_t count_ = 0;
};

class Echo final : public Handler {
 public:
  HeadDecision on_head(const Request& head) override {
    if (head.path == "/sink") return std::make_unique<CountingSink>();
    if (head.path == "/missing") {
      return Reply{404, "application/problem+json", R"({"detail": "no \"such\" thing"})", {}, {}};
    }
    return NeedBody{100};
  }
  Reply on_request(const Request& request) override {
    if (request.path == "/file") return {200, "text/plain", {}, file, {}};
    return {200,
            "text/plain",
            request.method + " " + request.path + " " + request.query + " " + request.body,
            {},
            {}};
  }
  std::string file;
};

class HttpTest : public testing::Test {
 protected:
  void SetUp() override {
    ServerOptions options;
    options.port = 0;
    auto server = Server::open(options, echo_);
    ASSERT_TRUE(server) << server.error().message;
    server_ = std::move(*server);
    base_ = "http://127.0.0.1:" + std::to_string(server_->port());
  }
  Echo echo_;
  std::unique_ptr<Server> server_;
  std::string base_;
  std::filesystem::path path_ = std::filesystem::temp_directory_path() / ("ws-http-" + new_id());
};

TEST_F(HttpTest, CarriesMethodPathQueryAndBody) {
  const auto response = post(base_ + "/a%20b?x=1", "text/plain", "hello");
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_EQ(response->body, "POST /a b x=1 hello");
}

TEST_F(HttpTest, RefusesBodiesOverTheLimit) {
  const auto response = post(base_ + "/a", "text/plain", std::string(101, 'x'));
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_EQ(response->status, 413U);
}

TEST_F(HttpTest, RefusesPathsWithDots) {
  EXPECT_EQ(get(base_ + "/a/../b")->status, 400U);
  EXPECT_EQ(get(base_ + "/a/%2e%2e/b")->status, 400U);
  EXPECT_EQ(get(base_ + "/a%2fb")->status, 400U);
}

TEST_F(HttpTest, StreamsUploadsAndFiles) {
  ASSERT_TRUE(write_file_atomically(path_, std::string(2'500'000, 'p')));
  const auto up = put_file(base_ + "/sink", path_);
  ASSERT_TRUE(up) << up.error().message;
  EXPECT_EQ(up->body, "2500000");
  echo_.file = path_.string();
  const auto target = path_.string() + ".copy";
  ASSERT_TRUE(get_file(base_ + "/file", target, 3'000'000));
  EXPECT_EQ(std::filesystem::file_size(target), 2'500'000U);
  EXPECT_EQ(get_file(base_ + "/file", target, 1000).error().code, Errc::kInvalid);
  std::filesystem::remove(path_);
  std::filesystem::remove(target);
}

TEST(RateLimitTest, PaysForWhatWasMovedAndSavesUpLittle) {
  using namespace std::chrono_literals;
  RateLimit limit(1'000);
  const auto start = std::chrono::steady_clock::time_point{} + 1h;
  EXPECT_EQ(limit.take(250, start), 0ns) << "what the bucket holds";
  EXPECT_EQ(limit.take(500, start), 500ms);
  EXPECT_EQ(limit.take(0, start + 400ms), 100ms);
  EXPECT_EQ(limit.take(100, start + 500ms), 100ms) << "another transfer waits for the first";
  EXPECT_EQ(limit.take(1'250, start + 1h), 1s) << "an idle hour saves up nothing";
  EXPECT_EQ(limit.take(0, start), 1s) << "a clock that goes back gives nothing";
}

/// Seconds that `transfer` takes.
double time_of(const std::function<void()>& transfer) {
  const auto start = std::chrono::steady_clock::now();
  transfer();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

TEST_F(HttpTest, ACapHoldsForBothDirectionsAndIsSharedByTransfers) {
  constexpr double kBytes = 1'000'000;
  ASSERT_TRUE(write_file_atomically(path_, std::string(static_cast<std::size_t>(kBytes), 'p')));
  echo_.file = path_.string();
  const auto options = [](double rate) {
    ClientOptions out;
    out.download = std::make_shared<RateLimit>(rate);
    out.upload = std::make_shared<RateLimit>(rate);
    return out;
  };
  const auto download = [&](const ClientOptions& how, const std::string& name) {
    ASSERT_TRUE(get_file(base_ + "/file", path_.string() + name, 3'000'000, how));
    std::filesystem::remove(path_.string() + name);
  };
  // A quarter of a second's bytes are free, and nobody waits after the last ones: 0.6 of the time
  // at least, however slow the machine is.
  const auto slow = options(kBytes);
  EXPECT_GT(time_of([&] { download(slow, ".slow"); }), 0.6);
  EXPECT_GT(time_of([&] { ASSERT_TRUE(put_file(base_ + "/sink", path_, slow)); }), 0.6);
  const auto shared = options(2 * kBytes);
  EXPECT_GT(time_of([&] {
              const std::jthread other([&] { download(shared, ".a"); });
              download(shared, ".b");
            }),
            0.6);
  std::filesystem::remove(path_);
}

TEST_F(HttpTest, AnUploadThatTheSinkRefusesGetsItsAnswer) {
  ASSERT_TRUE(write_file_atomically(path_, std::string(9'000'000, 'p')));
  const auto up = put_file(base_ + "/sink", path_);
  // The refusal arrives, or the connection is already cut: never a success.
  if (up) {
    EXPECT_EQ(up->status, 413U);
  }
  std::filesystem::remove(path_);
}

TEST_F(HttpTest, ProblemsBecomeErrors) {
  const auto response = expect_ok(get(base_ + "/missing"));
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, Errc::kNotFound);
  EXPECT_EQ(response.error().message, "no \"such\" thing (HTTP 404)");
}

/// Takes every descriptor that this process may have, and few may it have.
class NoDescriptors {
 public:
  NoDescriptors() {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    rlimit few = before_;
    few.rlim_cur = 100;
    ::setrlimit(RLIMIT_NOFILE, &few);
    for (int fd = ::dup(2); fd >= 0; fd = ::dup(2)) taken_.emplace_back(fd);
  }
  ~NoDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }
  NoDescriptors(const NoDescriptors&) = delete;
  NoDescriptors& operator=(const NoDescriptors&) = delete;

 private:
  rlimit before_{};
  std::vector<Descriptor> taken_;
};

std::chrono::microseconds processor_time() {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  return std::chrono::seconds(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
         std::chrono::microseconds(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
}

TEST_F(HttpTest, WithoutDescriptorsItWaitsInsteadOfSpinning) {
  using namespace std::chrono_literals;
  const Descriptor client(::socket(AF_INET, SOCK_STREAM, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(server_->port());
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  {
    // The sanitizer looks at each class that is used, once, and needs descriptors for that.
    ASSERT_TRUE(get(base_ + "/a"));
    spdlog::warn("a server without descriptors reason=\"{}\"", std::string("of its test"));
    const NoDescriptors none;
    ASSERT_EQ(::connect(client.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    const auto before = processor_time();
    // Until a spinning server would have used more than one that waits.
    const auto until = std::chrono::steady_clock::now() + 2s;
    while (std::chrono::steady_clock::now() < until && processor_time() - before < 200ms)
      std::this_thread::sleep_for(100ms);
    EXPECT_LT(processor_time() - before, 200ms);
  }
  const std::string request = "GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
  ASSERT_EQ(::send(client.get(), request.data(), request.size(), 0),
            static_cast<ssize_t>(request.size()));
  std::string answer(8, '\0');
  EXPECT_EQ(::recv(client.get(), answer.data(), answer.size(), MSG_WAITALL), 8);
  EXPECT_EQ(answer, "HTTP/1.1") << "it is accepted as soon as it can be";
}

TEST_F(HttpTest, NobodyListeningIsUnavailable) {
  server_.reset();
  EXPECT_EQ(get(base_ + "/").error().code, Errc::kUnavailable);
  EXPECT_EQ(get("ftp://x/").error().code, Errc::kInvalid);
}

}  // namespace
}  // namespace worldshare::http
