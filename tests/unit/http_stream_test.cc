#include <gtest/gtest.h>

#include <boost/asio/ip/tcp.hpp>
#include <filesystem>
#include <thread>

#include "shared/files.h"
#include "shared/http/conditional.h"
#include "shared/http/server.h"
#include "shared/ids.h"

namespace worldshare::http {
namespace {

using namespace std::chrono_literals;

Request with(const std::string& field, const std::string& value) {
  Request request;
  request.headers[field] = value;
  return request;
}

TEST(Conditional, KnowsATagAmongOthers) {
  const std::string tag = weak_tag("content");
  EXPECT_NE(tag, weak_tag("Content"));
  EXPECT_TRUE(names_tag(with("if-none-match", tag), tag));
  EXPECT_TRUE(names_tag(with("if-none-match", "\"a\", " + tag.substr(2) + " ,\"b\""), tag));
  EXPECT_TRUE(names_tag(with("if-none-match", "*"), tag));
  EXPECT_FALSE(names_tag(with("if-none-match", "\"a\", \"b\""), tag));
  EXPECT_FALSE(names_tag(with("if-none-match", ", ,"), tag));
  EXPECT_FALSE(names_tag({}, tag));
}

TEST(Conditional, ReadsOneRange) {
  const auto part = [](const std::string& range) {
    return requested_part(with("range", range), "\"t\"", 10);
  };
  const auto is = [&](const std::string& range, std::uint64_t offset, std::uint64_t length) {
    const auto got = part(range);
    return got && *got && (*got)->offset == offset && (*got)->length == length;
  };
  EXPECT_TRUE(is("bytes=0-3", 0, 4));
  EXPECT_TRUE(is("bytes=8-", 8, 2));
  EXPECT_TRUE(is("bytes=-3", 7, 3));
  EXPECT_TRUE(is("bytes=-30", 0, 10));
  EXPECT_TRUE(is("bytes=5-500", 5, 5));
  for (const char* all : {"bytes=3-1", "bytes=x-1", "lines=0-1", "bytes=0-1,3-4",
                          "bytes=", "bytes=-", "bytes=99999999999999999999-"})
    EXPECT_TRUE(part(all) && !*part(all)) << all;
  EXPECT_FALSE(part("bytes=10-"));
  EXPECT_FALSE(part("bytes=-0"));
  Request other = with("range", "bytes=0-3");
  other.headers["if-range"] = "\"older\"";
  EXPECT_FALSE(*requested_part(other, "\"t\"", 10));
}

TEST(OutStream, CutsOffWhoTakesTooLittle) {
  OutStream::Options options;
  options.limit_bytes = 10;
  options.cut_off = "bye";
  OutStream stream(options);
  int wakes = 0;
  stream.on_ready([&] { ++wakes; });
  EXPECT_TRUE(stream.push("12345"));
  EXPECT_TRUE(stream.push("67890"));
  EXPECT_FALSE(stream.push("1"));
  EXPECT_FALSE(stream.is_open());
  EXPECT_FALSE(stream.push("2"));
  const auto piece = stream.take();
  EXPECT_EQ(piece.text, "1234567890bye");
  EXPECT_TRUE(piece.is_last);
  EXPECT_EQ(wakes, 3);
}

/// Serves one stream that every request gets, or a file.
class Streamer final : public Handler {
 public:
  explicit Streamer(OutStream::Options options)
      : stream(std::make_shared<OutStream>(std::move(options))) {}
  HeadDecision on_head(const Request&) override { return NeedBody{}; }
  Reply on_request(const Request& request) override {
    if (request.path == "/file") return file_reply(request, file, 10, "text/plain", "\"t\"");
    Reply reply{200, "text/event-stream", {}, {}, {}};
    reply.stream = stream;
    return reply;
  }
  std::shared_ptr<OutStream> stream;
  std::string file;
};

class StreamTest : public testing::Test {
 protected:
  void serve(OutStream::Options options) {
    streamer_ = std::make_unique<Streamer>(std::move(options));
    ServerOptions server;
    server.port = 0;
    server.threads = 1;
    server_ = *Server::open(server, *streamer_);
  }
  /// Sends a request and returns the connection, from which lines can be read.
  std::unique_ptr<boost::asio::ip::tcp::iostream> ask(const std::string& path,
                                                      const std::string& more = "") {
    auto client = std::make_unique<boost::asio::ip::tcp::iostream>();
    client->expires_after(20s);
    client->connect("127.0.0.1", std::to_string(server_->port()));
    *client << "GET " << path << " HTTP/1.1\r\nHost: x\r\n" << more << "\r\n" << std::flush;
    return client;
  }
  static bool read_until(std::istream& in, const std::string& text) {
    std::string seen;
    for (char c = 0; in.get(c);) {
      seen += c;
      if (seen.ends_with(text)) return true;
    }
    ADD_FAILURE() << "ended after: " << seen;
    return false;
  }
  std::unique_ptr<Streamer> streamer_;
  std::unique_ptr<Server> server_;
};

TEST_F(StreamTest, ManyStreamsLiveOnOneThread) {
  serve({});
  std::vector<std::unique_ptr<boost::asio::ip::tcp::iostream>> clients;
  // The stream is one, so what the first client takes the others do not see: only it is pushed to.
  clients.push_back(ask("/"));
  ASSERT_TRUE(read_until(*clients[0], "\r\n\r\n"));
  ASSERT_TRUE(streamer_->stream->push("data: one\n\n"));
  ASSERT_TRUE(read_until(*clients[0], "data: one\n\n"));
  // The only thread is free for others meanwhile.
  std::filesystem::path path = std::filesystem::temp_directory_path() / ("ws-stream-" + new_id());
  ASSERT_TRUE(write_file_atomically(path, std::string_view("0123456789")));
  streamer_->file = path.string();
  auto other = ask("/file", "Range: bytes=2-4\r\n");
  ASSERT_TRUE(read_until(*other, "HTTP/1.1 206 Partial Content"));
  ASSERT_TRUE(read_until(*other, "Content-Range: bytes 2-4/10"));
  ASSERT_TRUE(read_until(*other, "\r\n\r\n234"));
  auto known = ask("/file", "If-None-Match: \"t\"\r\n");
  ASSERT_TRUE(read_until(*known, "HTTP/1.1 304 Not Modified"));
  ASSERT_TRUE(streamer_->stream->push("data: two\n\n"));
  ASSERT_TRUE(read_until(*clients[0], "data: two\n\n"));
  streamer_->stream->close("data: end\n\n");
  ASSERT_TRUE(read_until(*clients[0], "data: end\n\n"));
  ASSERT_TRUE(read_until(*clients[0], "0\r\n\r\n")) << "the last chunk: a clear end";
  std::filesystem::remove(path);
}

TEST_F(StreamTest, AnIdleStreamIsKeptAlive) {
  OutStream::Options options;
  options.idle = ":\n\n";
  options.idle_after = 20ms;
  serve(options);
  auto client = ask("/");
  EXPECT_TRUE(read_until(*client, ":\n\n"));
  EXPECT_TRUE(read_until(*client, ":\n\n"));
}

TEST_F(StreamTest, AClientThatWentAwayClosesItsStream) {
  OutStream::Options options;
  options.idle = ":\n\n";
  options.idle_after = 5ms;
  serve(options);
  auto client = ask("/");
  ASSERT_TRUE(read_until(*client, ":\n\n"));
  client.reset();
  for (int i = 0; i < 2000 && streamer_->stream->is_open(); ++i) std::this_thread::sleep_for(5ms);
  EXPECT_FALSE(streamer_->stream->is_open());
}

TEST_F(StreamTest, AServerThatStopsEndsItsStreams) {
  serve({});
  auto client = ask("/");
  ASSERT_TRUE(read_until(*client, "\r\n\r\n"));
  server_.reset();
  EXPECT_TRUE(streamer_->stream->push("nobody hears this"));
  char c = 0;
  EXPECT_FALSE(client->get(c));
}

}  // namespace
}  // namespace worldshare::http
