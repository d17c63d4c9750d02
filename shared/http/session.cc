#include "shared/http/session.h"

#include <array>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/url/parse.hpp>
#include <ctime>
#include <optional>
#include <vector>

#include "shared/http/problem.h"
#include "shared/log.h"

namespace worldshare::http {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace bhttp = boost::beast::http;
using boost::system::error_code;
using HeadParser = bhttp::request_parser<bhttp::empty_body>;

constexpr std::size_t kReadPiece = 64 * 1024;
constexpr std::size_t kHeadPiece = 4 * 1024;
constexpr std::chrono::seconds kLinger{2};
constexpr std::size_t kLingerBytes = 64U << 20U;

/// Nothing when the target is not a clean origin-form path.
std::optional<Request> to_request(const HeadParser& parser) {
  const auto& message = parser.get();
  const auto target = boost::urls::parse_origin_form(message.target());
  if (!target) return std::nullopt;
  // segments() passes over this beginning, which others read as a path of its own.
  if (target->encoded_path().starts_with("/./")) return std::nullopt;
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

/// RFC 9110, 5.6.7: "Sun, 06 Nov 1994 08:49:37 GMT".
std::string http_date() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  std::array<char, 40> text{};
  std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
  return text.data();
}

/// What two programs that read this head might understand differently; null: nothing.
const char* ambiguity_of(const HeadParser& parser) {
  const auto& message = parser.get();
  const auto hosts = message.count(bhttp::field::host);
  if (hosts > 1 || (hosts == 0 && message.version() == 11)) return "Host: must be there, once";
  if (message.count(bhttp::field::transfer_encoding) > 0 &&
      (message.count(bhttp::field::content_length) > 0 || message.version() < 11 ||
       !parser.chunked())) {
    return "Transfer-Encoding: only 'chunked', and without Content-Length";
  }
  for (const auto field : {bhttp::field::authorization, bhttp::field::content_length,
                           bhttp::field::transfer_encoding, bhttp::field::content_type}) {
    if (message.count(field) > 1) return "a header that may be there once is there twice";
  }
  return nullptr;
}

template <class Message>
void set_head(const Reply& reply, bool keep_alive, Message& message) {
  message.result(reply.status);
  message.version(11);
  message.set(bhttp::field::server, "worldshare/" WORLDSHARE_VERSION);
  message.set(bhttp::field::date, http_date());
  // These two have no body to speak of.
  if (reply.status != 204 && reply.status != 304)
    message.set(bhttp::field::content_type, reply.content_type);
  for (const auto& [name, value] : reply.headers) message.set(name, value);
  message.keep_alive(keep_alive);
}

}  // namespace

Session::Session(asio::ip::tcp::socket socket,
                 asio::ssl::context* tls,
                 Handler& handler,
                 const ServerOptions& options)
    : stream_(std::move(socket)), handler_(handler), options_(options) {
  error_code gone;
  const auto peer = stream_.tcp().socket().remote_endpoint(gone);
  if (!gone) peer_ = peer.address();
  if (tls != nullptr) stream_.use_tls(*tls);
}

asio::awaitable<void> Session::run() {
  if (stream_.is_tls()) {
    restart_timer();
    const error_code refused = co_await stream_.handshake(asio::ssl::stream_base::server);
    if (refused) {
      spdlog::debug("no TLS peer={} error=\"{}\"", peer_.to_string(), refused.message());
      co_return;
    }
  }
  bool open = true;
  while (open) open = co_await serve_one();
  co_await stream_.close();
  if (unread_) co_await linger();
}

/// Closing with unread bytes resets the connection, and the client may lose the answer that tells
/// it why: what it still sends is thrown away for a moment.
asio::awaitable<void> Session::linger() {
  std::vector<char> piece(kReadPiece);
  stream_.expires_after(kLinger);
  error_code error;
  for (std::size_t left = kLingerBytes; !error && left > 0;) {
    const std::size_t count = co_await stream_.tcp().async_read_some(
        asio::buffer(piece), asio::redirect_error(asio::use_awaitable, error));
    left -= std::min(left, count);
  }
}

/// True once the first bytes of a request are there. A connection may be idle for longer than the
/// head of a request may take.
asio::awaitable<bool> Session::wait_for_request() {
  if (buffer_.size() > 0) co_return true;
  restart_timer();
  error_code error;
  const std::size_t count = co_await stream_.async_read_some(
      buffer_.prepare(kHeadPiece), asio::redirect_error(asio::use_awaitable, error));
  buffer_.commit(count);
  co_return !error;
}

asio::awaitable<void> Session::refuse(unsigned status, std::string why) {
  spdlog::info("request refused status={} address={} error=\"{}\"", status, peer_.to_string(), why);
  unread_ = true;
  co_await write(problem_reply(status, why), false, false);
}

asio::awaitable<bool> Session::serve_one() {
  bool there = co_await wait_for_request();
  if (!there) co_return false;
  HeadParser head;
  head.header_limit(options_.header_limit_bytes);
  head.body_limit(boost::none);
  stream_.expires_after(std::chrono::seconds(options_.head_seconds));
  error_code error;
  co_await bhttp::async_read_header(stream_, buffer_, head,
                                    asio::redirect_error(asio::use_awaitable, error));
  if (error == beast::error::timeout)
    spdlog::info("request refused: its head came too slowly address={}", peer_.to_string());
  if (error) {
    if (error == bhttp::error::end_of_stream) co_return false;
    const unsigned status = error == bhttp::error::header_limit ? 431 : 400;
    if (error.category() == bhttp::make_error_code(bhttp::error::bad_value).category())
      co_await refuse(status, "malformed request head: " + error.message());
    co_return false;
  }
  if (const char* wrong = ambiguity_of(head)) {
    co_await refuse(400, wrong);
    co_return false;
  }
  auto request = to_request(head);
  if (!request) {
    co_await refuse(400, "malformed path");
    co_return false;
  }
  const bool open = co_await decide(head, std::move(*request));
  co_return open;
}

asio::awaitable<bool> Session::decide(HeadParser& head, Request request) {
  const bool keep_alive = head.get().keep_alive();
  const bool is_head = head.get().method() == bhttp::verb::head;
  const bool has_body = head.chunked() || (head.content_length() && *head.content_length() > 0);
  request.address = peer_.to_string();
  request.is_local = peer_.is_loopback();
  HeadDecision decision = handler_.on_head(request);
  // g++ 12 fails on co_await inside larger expressions: each has a statement of its own.
  bool ok = true;
  if (auto* reply = std::get_if<Reply>(&decision)) {
    // An unread body would be taken for the next request.
    const bool go_on = keep_alive && !has_body;
    unread_ = has_body;
    ok = co_await write(std::move(*reply), go_on, is_head);
    co_return ok&& go_on;
  }
  if (request.headers.contains("expect")) ok = co_await send_continue();
  if (!ok) co_return false;
  if (const auto* need = std::get_if<NeedBody>(&decision)) {
    ok = co_await with_body(head, std::move(request), need->limit_bytes, keep_alive, is_head);
  } else {
    ok = co_await with_sink(head, *std::get<std::unique_ptr<BodySink>>(decision), keep_alive);
  }
  co_return ok;
}

void Session::begin_body() {
  body_began_ = std::chrono::steady_clock::now();
  body_bytes_ = 0;
  restart_timer();
}

bool Session::body_moves(std::size_t bytes) {
  body_bytes_ += bytes;
  restart_timer();
  const auto seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - body_began_);
  const double beyond = seconds.count() - options_.idle_seconds;
  if (static_cast<double>(body_bytes_) >= beyond * options_.slowest_body_bytes_per_second)
    return true;
  spdlog::info("request refused: its body came too slowly address={}", peer_.to_string());
  return false;
}

asio::awaitable<bool> Session::send_continue() {
  bhttp::response<bhttp::empty_body> message(bhttp::status::continue_, 11);
  error_code error;
  restart_timer();
  co_await bhttp::async_write(stream_, message, asio::redirect_error(asio::use_awaitable, error));
  co_return !error;
}

asio::awaitable<bool> Session::with_body(
    HeadParser& head, Request request, std::size_t limit, bool keep_alive, bool is_head) {
  bhttp::request_parser<bhttp::string_body> parser(std::move(head));
  parser.body_limit(limit);
  error_code error;
  if (parser.content_length() && *parser.content_length() > limit) error = bhttp::error::body_limit;
  begin_body();
  while (!error && !parser.is_done()) {
    const std::size_t count = co_await bhttp::async_read_some(
        stream_, buffer_, parser, asio::redirect_error(asio::use_awaitable, error));
    if (!body_moves(count)) co_return false;
  }
  if (error) {
    if (error == bhttp::error::body_limit) {
      unread_ = true;
      const std::string detail = "body larger than " + std::to_string(limit) + " bytes";
      co_await write(problem_reply(413, detail), false, false);
    }
    co_return false;
  }
  request.body = std::move(parser.get().body());
  Reply reply = handler_.on_request(request);
  const bool sent = co_await write(std::move(reply), keep_alive, is_head);
  co_return sent&& keep_alive;
}

asio::awaitable<bool> Session::with_sink(HeadParser& head, BodySink& sink, bool keep_alive) {
  bhttp::request_parser<bhttp::buffer_body> parser(std::move(head));
  parser.body_limit(boost::none);
  std::vector<std::uint8_t> piece(kReadPiece);
  begin_body();
  while (!parser.is_done()) {
    parser.get().body().data = piece.data();
    parser.get().body().size = piece.size();
    error_code error;
    const std::size_t count = co_await bhttp::async_read_some(
        stream_, buffer_, parser, asio::redirect_error(asio::use_awaitable, error));
    if (error == bhttp::error::need_buffer) error = {};
    if (error || !body_moves(count)) co_return false;
    const Result<> written =
        sink.write(ByteView(piece).first(piece.size() - parser.get().body().size));
    if (!written) {
      unread_ = true;
      co_await write(sink.on_error(written.error()), false, false);
      co_return false;
    }
  }
  Reply reply = sink.finish();
  const bool sent = co_await write(std::move(reply), keep_alive, false);
  co_return sent&& keep_alive;
}

asio::awaitable<bool> Session::write(Reply reply, bool keep_alive, bool is_head) {
  bool sent = false;
  if (reply.stream && !is_head) {
    sent = co_await write_stream(std::move(reply));
    co_return false;
  }
  if (!reply.file.empty()) {
    sent = co_await write_file(reply, keep_alive, is_head);
  } else {
    sent = co_await write_text(std::move(reply), keep_alive, is_head);
  }
  co_return sent;
}

asio::awaitable<bool> Session::write_text(Reply reply, bool keep_alive, bool is_head) {
  bhttp::response<bhttp::string_body> message;
  message.body() = std::move(reply.body);
  set_head(reply, keep_alive, message);
  message.prepare_payload();
  if (is_head) message.body().clear();
  restart_timer();
  error_code error;
  co_await bhttp::async_write(stream_, message, asio::redirect_error(asio::use_awaitable, error));
  co_return !error;
}

asio::awaitable<bool> Session::write_file(const Reply& reply, bool keep_alive, bool is_head) {
  error_code error;
  beast::file file;
  file.open(reply.file.c_str(), beast::file_mode::scan, error);
  std::uint64_t size = error ? 0 : file.size(error);
  const FilePart part = reply.part.value_or(FilePart{0, size});
  if (!error) file.seek(part.offset, error);
  bool sent = false;
  if (error || part.offset + part.length > size) {
    sent = co_await write_text(problem_reply(404, "no such file"), keep_alive, is_head);
    co_return sent;
  }
  bhttp::response<bhttp::empty_body> message;
  set_head(reply, keep_alive, message);
  message.content_length(part.length);
  bhttp::response_serializer<bhttp::empty_body> serializer(message);
  restart_timer();
  co_await bhttp::async_write_header(stream_, serializer,
                                     asio::redirect_error(asio::use_awaitable, error));
  std::vector<char> piece(std::min<std::uint64_t>(part.length, kReadPiece));
  for (std::uint64_t left = is_head ? 0 : part.length; !error && left > 0;) {
    const auto count = file.read(piece.data(), std::min<std::uint64_t>(left, piece.size()), error);
    if (error || count == 0) co_return false;
    restart_timer();
    co_await asio::async_write(stream_, asio::buffer(piece.data(), count),
                               asio::redirect_error(asio::use_awaitable, error));
    left -= count;
  }
  co_return !error;
}

namespace {

/// Lets an OutStream wake a session that waits, for as long as the session is there.
class Wake {
 public:
  Wake(OutStream& stream, const asio::any_io_executor& executor)
      : stream_(stream), timer_(std::make_shared<asio::steady_timer>(executor)) {
    stream_.on_ready(
        [timer = timer_, executor] { asio::post(executor, [timer] { timer->cancel(); }); });
  }
  Wake(const Wake&) = delete;
  Wake& operator=(const Wake&) = delete;
  ~Wake() { stream_.on_ready({}); }
  asio::steady_timer& timer() { return *timer_; }

 private:
  OutStream& stream_;
  std::shared_ptr<asio::steady_timer> timer_;
};

}  // namespace

asio::awaitable<bool> Session::write_stream(Reply reply) {
  OutStream& out = *reply.stream;
  Wake wake(out, stream_.get_executor());
  bhttp::response<bhttp::empty_body> message;
  set_head(reply, false, message);
  message.chunked(true);
  bhttp::response_serializer<bhttp::empty_body> serializer(message);
  restart_timer();
  error_code error;
  co_await bhttp::async_write_header(stream_, serializer,
                                     asio::redirect_error(asio::use_awaitable, error));
  OutStream::Piece piece;
  while (!error && !piece.is_last) {
    piece = out.take();
    if (piece.text.empty() && !piece.is_last) {
      wake.timer().expires_after(out.options().idle_after);
      error_code woken;
      co_await wake.timer().async_wait(asio::redirect_error(asio::use_awaitable, woken));
      piece = out.take();
      if (piece.text.empty() && !woken) piece.text = out.options().idle;
    }
    if (piece.text.empty()) continue;
    restart_timer();
    co_await asio::async_write(stream_, bhttp::make_chunk(asio::buffer(piece.text)),
                               asio::redirect_error(asio::use_awaitable, error));
  }
  out.close();
  if (!error) {
    restart_timer();
    co_await asio::async_write(stream_, bhttp::make_chunk_last(),
                               asio::redirect_error(asio::use_awaitable, error));
  }
  co_return false;
}

}  // namespace worldshare::http
