#include "shared/http/server.h"

#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/url/parse.hpp>
#include <optional>
#include <thread>
#include <vector>

#include "shared/log.h"

namespace worldshare::http {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace bhttp = boost::beast::http;
using asio::ip::tcp;
using boost::system::error_code;
using HeadParser = bhttp::request_parser<bhttp::empty_body>;

constexpr std::size_t kReadPiece = 64 * 1024;

Reply plain_problem(unsigned status, const std::string& detail) {
  Reply reply;
  reply.status = status;
  reply.content_type = "application/problem+json";
  reply.body = R"({"status": )" + std::to_string(status) + R"(, "title": ")" +
               std::string(bhttp::obsolete_reason(bhttp::int_to_status(status))) +
               R"(", "detail": ")" + detail + "\"}";
  return reply;
}

/// Nothing when the target is not a clean origin-form path.
std::optional<Request> to_request(const HeadParser& parser) {
  const auto& message = parser.get();
  const auto target = boost::urls::parse_origin_form(message.target());
  if (!target) return std::nullopt;
  Request request;
  request.method = std::string(message.method_string());
  for (const auto segment : target->segments()) {
    const std::string text(segment);
    if (text == ".." || text == "." || text.find('\0') != std::string::npos ||
        text.find('/') != std::string::npos) {
      return std::nullopt;
    }
    request.path += "/" + text;
  }
  if (request.path.empty()) request.path = "/";
  request.query = std::string(target->encoded_query());
  for (const auto& field : message) {
    std::string name(field.name_string());
    for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    request.headers[name] = std::string(field.value());
  }
  return request;
}

template <class Message>
void set_head(const Reply& reply, bool keep_alive, Message& message) {
  message.result(reply.status);
  message.version(11);
  message.set(bhttp::field::server, "worldshare/" WORLDSHARE_VERSION);
  message.set(bhttp::field::content_type, reply.content_type);
  for (const auto& [name, value] : reply.headers) message.set(name, value);
  message.keep_alive(keep_alive);
}

/// One connection's life: requests in turn until either side closes.
class Session {
 public:
  Session(tcp::socket socket, Handler& handler, const ServerOptions& options)
      : stream_(std::move(socket)), handler_(handler), options_(options) {}

  asio::awaitable<void> run() {
    bool open = true;
    while (open) open = co_await serve_one();
    error_code ignored;
    stream_.socket().shutdown(tcp::socket::shutdown_send, ignored);
  }

 private:
  void restart_timer() { stream_.expires_after(std::chrono::seconds(options_.idle_seconds)); }

  asio::awaitable<bool> serve_one() {
    HeadParser head;
    head.header_limit(options_.header_limit_bytes);
    head.body_limit(boost::none);
    restart_timer();
    error_code error;
    co_await bhttp::async_read_header(stream_, buffer_, head,
                                      asio::redirect_error(asio::use_awaitable, error));
    if (error) {
      if (error == bhttp::error::end_of_stream || error == beast::error::timeout) co_return false;
      const unsigned status = error == bhttp::error::header_limit ? 431 : 400;
      if (error.category() == bhttp::make_error_code(bhttp::error::bad_value).category()) {
        co_await write(plain_problem(status, "malformed request head"), false, false);
      }
      co_return false;
    }
    auto request = to_request(head);
    if (!request) {
      co_await write(plain_problem(400, "malformed path"), false, false);
      co_return false;
    }
    const bool keep_alive = head.get().keep_alive();
    const bool is_head = head.get().method() == bhttp::verb::head;
    const bool has_body = head.chunked() || (head.content_length() && *head.content_length() > 0);
    HeadDecision decision = handler_.on_head(*request);
    // g++ 12 fails on co_await inside larger expressions: each has a statement of its own.
    bool ok = true;
    if (auto* reply = std::get_if<Reply>(&decision)) {
      // An unread body would be taken for the next request.
      const bool go_on = keep_alive && !has_body;
      ok = co_await write(std::move(*reply), go_on, is_head);
      co_return ok&& go_on;
    }
    if (request->headers.contains("expect")) ok = co_await send_continue();
    if (!ok) co_return false;
    if (const auto* need = std::get_if<NeedBody>(&decision)) {
      ok = co_await with_body(head, std::move(*request), need->limit_bytes, keep_alive, is_head);
    } else {
      ok = co_await with_sink(head, *std::get<std::unique_ptr<BodySink>>(decision), keep_alive);
    }
    co_return ok;
  }

  asio::awaitable<bool> send_continue() {
    bhttp::response<bhttp::empty_body> message(bhttp::status::continue_, 11);
    error_code error;
    restart_timer();
    co_await bhttp::async_write(stream_, message, asio::redirect_error(asio::use_awaitable, error));
    co_return !error;
  }

  asio::awaitable<bool> with_body(
      HeadParser& head, Request request, std::size_t limit, bool keep_alive, bool is_head) {
    bhttp::request_parser<bhttp::string_body> parser(std::move(head));
    parser.body_limit(limit);
    error_code error;
    if (parser.content_length() && *parser.content_length() > limit)
      error = bhttp::error::body_limit;
    while (!error && !parser.is_done()) {
      restart_timer();
      co_await bhttp::async_read_some(stream_, buffer_, parser,
                                      asio::redirect_error(asio::use_awaitable, error));
    }
    if (error) {
      if (error == bhttp::error::body_limit) {
        co_await write(plain_problem(413, "body larger than " + std::to_string(limit) + " bytes"),
                       false, false);
      }
      co_return false;
    }
    request.body = std::move(parser.get().body());
    Reply reply = handler_.on_request(request);
    const bool sent = co_await write(std::move(reply), keep_alive, is_head);
    co_return sent&& keep_alive;
  }

  asio::awaitable<bool> with_sink(HeadParser& head, BodySink& sink, bool keep_alive) {
    bhttp::request_parser<bhttp::buffer_body> parser(std::move(head));
    parser.body_limit(boost::none);
    std::vector<std::uint8_t> piece(kReadPiece);
    while (!parser.is_done()) {
      parser.get().body().data = piece.data();
      parser.get().body().size = piece.size();
      error_code error;
      restart_timer();
      co_await bhttp::async_read_some(stream_, buffer_, parser,
                                      asio::redirect_error(asio::use_awaitable, error));
      if (error == bhttp::error::need_buffer) error = {};
      if (error) co_return false;
      const Result<> written =
          sink.write(ByteView(piece).first(piece.size() - parser.get().body().size));
      if (!written) {
        co_await write(sink.on_error(written.error()), false, false);
        co_return false;
      }
    }
    Reply reply = sink.finish();
    const bool sent = co_await write(std::move(reply), keep_alive, false);
    co_return sent&& keep_alive;
  }

  asio::awaitable<bool> write(Reply reply, bool keep_alive, bool is_head) {
    error_code error;
    if (!reply.file.empty() && !is_head) {
      bhttp::response<bhttp::file_body> message;
      message.body().open(reply.file.c_str(), beast::file_mode::scan, error);
      if (!error) {
        set_head(reply, keep_alive, message);
        message.prepare_payload();
        bhttp::response_serializer<bhttp::file_body> serializer(message);
        while (!error && !serializer.is_done()) {
          restart_timer();
          co_await bhttp::async_write_some(stream_, serializer,
                                           asio::redirect_error(asio::use_awaitable, error));
        }
        co_return !error;
      }
      reply = plain_problem(404, "no such file");
    }
    bhttp::response<bhttp::string_body> message;
    message.body() = std::move(reply.body);
    set_head(reply, keep_alive, message);
    message.prepare_payload();
    if (is_head) message.body().clear();
    restart_timer();
    bhttp::response_serializer<bhttp::string_body> serializer(message);
    serializer.split(is_head);
    co_await bhttp::async_write(stream_, message, asio::redirect_error(asio::use_awaitable, error));
    co_return !error;
  }

  beast::tcp_stream stream_;
  beast::flat_buffer buffer_;
  Handler& handler_;
  const ServerOptions& options_;
};

}  // namespace

struct Server::Impl {
  Impl(const ServerOptions& chosen, Handler& target)
      : options(chosen), handler(target), acceptor(context) {}

  asio::awaitable<void> accept() {
    for (;;) {
      error_code error;
      tcp::socket socket = co_await acceptor.async_accept(
          asio::make_strand(context), asio::redirect_error(asio::use_awaitable, error));
      if (error == asio::error::operation_aborted) co_return;
      if (error || connections >= options.connection_limit) continue;
      ++connections;
      auto executor = socket.get_executor();
      asio::co_spawn(executor, serve(std::move(socket)), asio::detached);
    }
  }

  asio::awaitable<void> serve(tcp::socket socket) {
    try {
      Session session(std::move(socket), handler, options);
      co_await session.run();
    } catch (const std::exception& error) {
      spdlog::warn("http session ended by exception what=\"{}\"", error.what());
    }
    --connections;
  }

  ServerOptions options;
  Handler& handler;
  asio::io_context context;
  tcp::acceptor acceptor;
  std::atomic<std::uint32_t> connections{0};
  std::vector<std::jthread> threads;
};

Server::Server() = default;

Result<std::unique_ptr<Server>> Server::open(const ServerOptions& options, Handler& handler) {
  std::unique_ptr<Server> server(new Server);
  server->impl_ = std::make_unique<Impl>(options, handler);
  Impl& impl = *server->impl_;
  error_code error;
  const auto address = asio::ip::make_address(options.address, error);
  if (error)
    return fail(Errc::kInvalid, "http.listen: '" + options.address + "' is not an IP address");
  const tcp::endpoint endpoint(address, options.port);
  impl.acceptor.open(endpoint.protocol(), error);
  if (!error) impl.acceptor.set_option(asio::socket_base::reuse_address(true), error);
  if (!error) impl.acceptor.bind(endpoint, error);
  if (!error) impl.acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) {
    return fail(Errc::kUnavailable, "cannot listen on " + options.address + ":" +
                                        std::to_string(options.port) + ": " + error.message());
  }
  asio::co_spawn(impl.context, impl.accept(), asio::detached);
  for (unsigned i = 0; i < options.threads; ++i)
    impl.threads.emplace_back([&impl] { impl.context.run(); });
  return server;
}

Server::~Server() {
  impl_->context.stop();
  impl_->threads.clear();
}

std::uint16_t Server::port() const { return impl_->acceptor.local_endpoint().port(); }

}  // namespace worldshare::http
