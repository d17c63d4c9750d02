#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>

#include "shared/http/byte_stream.h"
#include "shared/http/server.h"

namespace worldshare::http {

/// One connection's life at the server: requests in turn until either side closes. Its socket's
/// executor is a strand.
class Session {
 public:
  /// `tls`: null for plain HTTP; it outlives the session.
  Session(boost::asio::ip::tcp::socket socket,
          boost::asio::ssl::context* tls,
          Handler& handler,
          const ServerOptions& options);

  boost::asio::awaitable<void> run();

 private:
  using HeadParser = boost::beast::http::request_parser<boost::beast::http::empty_body>;
  using Flag = boost::asio::awaitable<bool>;  ///< whether the connection stays open

  boost::asio::awaitable<void> linger();
  void begin_body();
  /// Whether the body comes fast enough; restarts the timer.
  bool body_moves(std::size_t bytes);
  void restart_timer() { stream_.expires_after(std::chrono::seconds(options_.idle_seconds)); }
  Flag serve_one();
  Flag wait_for_request();
  boost::asio::awaitable<void> refuse(unsigned status, std::string why);
  Flag decide(HeadParser& head, Request request);
  Flag send_continue();
  Flag with_body(
      HeadParser& head, Request request, std::size_t limit, bool keep_alive, bool is_head);
  Flag with_sink(HeadParser& head, BodySink& sink, bool keep_alive);
  Flag write(Reply reply, bool keep_alive, bool is_head);
  Flag write_text(Reply reply, bool keep_alive, bool is_head);
  Flag write_file(const Reply& reply, bool keep_alive, bool is_head);
  Flag write_stream(Reply reply);

  ByteStream stream_;
  boost::beast::flat_buffer buffer_;
  boost::asio::ip::address peer_;
  std::chrono::steady_clock::time_point body_began_;
  std::uint64_t body_bytes_ = 0;
  bool unread_ = false;  ///< the client may still be sending what nobody reads
  Handler& handler_;
  const ServerOptions& options_;
};

}  // namespace worldshare::http
