#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <boost/json.hpp>
#include <fstream>
#include <future>

#include "cli/api_client.h"
#include "shared/process.h"
#include "tests/integration/dispatcher_fixture.h"

namespace worldshare::testing {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

/// A network that fails: passes everything on to a port, and cuts all connections whenever so many
/// bytes have gone to the server.
class BadNetwork {
 public:
  BadNetwork(std::uint16_t target, std::map<std::uint64_t, std::function<void()>> at)
      : target_(target), at_(std::move(at)), acceptor_(context_, {tcp::v4(), 0}) {
    port_ = acceptor_.local_endpoint().port();
    thread_ = std::jthread([this] { accept(); });
  }
  ~BadNetwork() {
    ended_ = true;
    // Wakes the accept.
    tcp::iostream("127.0.0.1", std::to_string(port_));
    thread_.join();
  }
  BadNetwork(const BadNetwork&) = delete;
  BadNetwork& operator=(const BadNetwork&) = delete;
  std::uint16_t port() const { return port_; }
  std::uint64_t bytes() const { return bytes_; }

 private:
  void accept() {
    while (!ended_) {
      tcp::socket client(context_);
      acceptor_.accept(client);
      if (ended_) return;
      serve(client);
    }
  }

  /// One connection at a time: the client that is tested has no more.
  void serve(tcp::socket& client) {
    tcp::socket server(context_);
    boost::system::error_code error;
    server.connect({asio::ip::address_v4::loopback(), target_}, error);
    if (error) return;
    std::jthread back([&] { pump(server, client, false); });
    pump(client, server, true);
    server.shutdown(tcp::socket::shutdown_both, error);
    client.shutdown(tcp::socket::shutdown_both, error);
  }

  void pump(tcp::socket& from, tcp::socket& to, bool counts) {
    std::vector<char> piece(64 * 1024);
    boost::system::error_code error;
    for (;;) {
      const auto count = from.read_some(asio::buffer(piece), error);
      if (error) break;
      asio::write(to, asio::buffer(piece.data(), count), error);
      if (error) break;
      if (!counts) continue;
      bytes_ += count;
      if (at_.empty() || bytes_ < at_.begin()->first) continue;
      const auto act = at_.begin()->second;
      at_.erase(at_.begin());
      act();
      break;
    }
    if (!counts) to.shutdown(tcp::socket::shutdown_both, error);
  }

  const std::uint16_t target_;
  std::map<std::uint64_t, std::function<void()>> at_;
  asio::io_context context_;
  tcp::acceptor acceptor_;
  std::uint16_t port_ = 0;
  std::atomic<std::uint64_t> bytes_ = 0;
  std::atomic<bool> ended_ = false;
  std::jthread thread_;
};

class UploadTest : public DispatcherTest {
 protected:
  void launch() {
    const std::string folder = folder_.path().string();
    const auto file = folder_.path() / "dispatcher.yaml";
    ASSERT_TRUE(write_file_atomically(
        file, "http: {port: " + std::to_string(config_.http_port) + ", api_token_file: " + folder +
                  "/token, url_secret_file: " + folder + "/secret}\nblobs: {directory: " + folder +
                  "/blobs}\nnats: {url: \"" + config_.nats_url + "\", seed_file: " + folder +
                  "/dispatcher.seed}\npostgres: {conninfo: \"" + config_.postgres_conninfo +
                  "\"}\nagents: {heartbeat_seconds: 1}\n"));
    ProcessOptions options;
    options.argv = {WS_BINARY_DIR "/worldshare-dispatcher", "--config", file.string()};
    options.output_file = folder_.path() / "log";
    auto process = Process::spawn(options);
    ASSERT_TRUE(process) << process.error().message;
    process_.emplace(std::move(*process));
  }

  /// A file that no two places of which are alike; its name.
  std::string make_file(const std::filesystem::path& path, std::uint64_t size) {
    std::ofstream out(path, std::ios::binary);
    std::string block(1U << 20U, '\0');
    for (std::uint64_t done = 0; done < size; done += block.size()) {
      random_bytes(std::span(reinterpret_cast<std::uint8_t*>(block.data()), 4'096));
      out.write(block.data(), static_cast<std::streamsize>(block.size()));
    }
    out.close();
    return to_hex(*sha256_file(path));
  }

  http::Response send(const std::string& sha, std::uint64_t offset, std::string bytes) {
    return *http::patch(url_ + "/v1/uploads/" + sha, "application/offset+octet-stream",
                        std::move(bytes), options_,
                        {{"Tus-Resumable", "1.0.0"}, {"Upload-Offset", std::to_string(offset)}});
  }
  http::Response begin(const std::string& sha, std::uint64_t size) {
    return *http::post(url_ + "/v1/uploads", "application/json", "", options_,
                       {{"Tus-Resumable", "1.0.0"},
                        {"Upload-Length", std::to_string(size)},
                        {"Upload-Metadata", "name YQ==, sha256 " + to_base64(sha)}});
  }

  std::optional<Process> process_;
};

// WS_UPLOAD_MIB: how large the scene is; 2048 is what docs/benchmarks.md measures.
TEST_F(UploadTest, SurvivesThreeCutsAndAKilledGateway) {
  const char* wanted = std::getenv("WS_UPLOAD_MIB");
  const std::uint64_t size = std::strtoull(wanted != nullptr ? wanted : "64", nullptr, 10) << 20U;
  const auto file = folder_.path() / "scene.blend";
  const std::string sha = make_file(file, size);
  stop();
  launch();
  std::atomic<bool> killed = false;
  const auto kill = [&] {
    process_->kill(SIGKILL);
    killed = true;
  };
  BadNetwork network(
      config_.http_port,
      {{size / 5, [] {}}, {size / 5 * 2, [] {}}, {size / 2, kill}, {size / 5 * 4, [] {}}});
  http::ClientOptions with;
  with.bearer_token = kToken;
  const cli::ApiClient api("http://127.0.0.1:" + std::to_string(network.port()), with, {}, 30s);
  const auto began = std::chrono::steady_clock::now();
  std::vector<std::uint64_t> offsets;
  auto sending = std::async(std::launch::async, [&] {
    return api.upload(file, sha,
                      [&](std::uint64_t done, std::uint64_t) { offsets.push_back(done); });
  });
  // Whoever starts a process must live as long as it does: this thread.
  while (!killed && sending.wait_for(5ms) != std::future_status::ready) {
  }
  ASSERT_TRUE(killed);
  ASSERT_TRUE(process_->wait(5000ms));
  launch();
  const auto sent = sending.get();
  ASSERT_TRUE(sent) << sent.error().message;
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - began;
  EXPECT_TRUE(std::ranges::is_sorted(offsets)) << "nothing is sent from the start again";
  EXPECT_LT(network.bytes(), size + (5U * 17U << 20U)) << "at most a piece is lost each time";
  const auto stored = config_.blobs.directory / sha.substr(0, 2) / sha;
  EXPECT_EQ(to_hex(*sha256_file(stored)), sha);
  EXPECT_EQ(http::get(url_ + "/v1/uploads/" + sha, options_)->headers.at("upload-offset"),
            std::to_string(size));
  RecordProperty("megabytes_per_s",
                 std::to_string(static_cast<double>(size) / 1e6 / seconds.count()));
  process_->kill(SIGTERM);
  EXPECT_TRUE(process_->wait(10'000ms));
}

TEST_F(UploadTest, SpeaksTusAsItIsWritten) {
  const std::string bytes = tiny_blend();
  const std::string sha = to_hex(sha256(as_bytes(bytes)));
  const auto made = begin(sha, bytes.size());
  ASSERT_EQ(made.status, 201U) << made.body;
  EXPECT_EQ(made.headers.at("location"), "/v1/uploads/" + sha);
  EXPECT_EQ(made.headers.at("tus-resumable"), "1.0.0");
  const auto first = send(sha, 0, bytes.substr(0, 10));
  EXPECT_EQ(first.status, 204U);
  EXPECT_EQ(first.headers.at("upload-offset"), "10");
  EXPECT_EQ(send(sha, 0, bytes).status, 409U);
  EXPECT_EQ(send(sha, 10, bytes).status, 413U);
  EXPECT_EQ(http::get(url_ + "/v1/blobs/" + sha, options_)->status, 404U);
  const auto last = send(sha, 10, bytes.substr(10));
  EXPECT_EQ(last.status, 204U) << last.body;
  EXPECT_EQ(http::get(url_ + "/v1/blobs/" + sha, options_)->body, bytes);
  EXPECT_EQ(post(manifest(sha)).status, 201U) << "whoever sent it may use it";
  EXPECT_EQ(send(sha, 0, "x").status, 404U);
}

TEST_F(UploadTest, RefusesWhatItDoesNotUnderstand) {
  const std::string sha(64, 'a');
  const auto with = [&](std::map<std::string, std::string> headers) {
    return http::post(url_ + "/v1/uploads", "application/json", "", options_, headers)->status;
  };
  const std::string name = "sha256 " + to_base64(sha);
  EXPECT_EQ(with({{"Upload-Length", "5"}, {"Upload-Metadata", name}}), 412U);
  EXPECT_EQ(with({{"Tus-Resumable", "0.2.2"}, {"Upload-Length", "5"}, {"Upload-Metadata", name}}),
            412U);
  for (const char* length : {"", "0", "-1", "x", "5x", "99999999999999999999999"})
    EXPECT_EQ(
        with({{"Tus-Resumable", "1.0.0"}, {"Upload-Length", length}, {"Upload-Metadata", name}}),
        400U)
        << length;
  EXPECT_EQ(with({{"Tus-Resumable", "1.0.0"},
                  {"Upload-Length", "99999999999999"},
                  {"Upload-Metadata", name}}),
            413U);
  for (const char* metadata :
       {"", "sha256", "sha256 !!!!", "sha256 YWJj", "md5 YWJj", "sha256 YWJj=", ",,,"})
    EXPECT_EQ(
        with({{"Tus-Resumable", "1.0.0"}, {"Upload-Length", "5"}, {"Upload-Metadata", metadata}}),
        400U)
        << metadata;
  EXPECT_EQ(send(sha, 0, "x").status, 404U);
  EXPECT_EQ(http::remove(url_ + "/v1/uploads/" + sha, options_)->status, 412U);
  ASSERT_EQ(begin(sha, 5).status, 201U);
  EXPECT_EQ(begin(sha, 6).status, 409U);
  const auto wrong = send(sha, 0, "wrong");
  EXPECT_EQ(wrong.status, 400U) << "five bytes, but not those";
  EXPECT_EQ(http::get(url_ + "/v1/uploads/" + sha, options_)->status, 404U);
}

}  // namespace
}  // namespace worldshare::testing
