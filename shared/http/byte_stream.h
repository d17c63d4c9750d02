#pragma once

#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream_base.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <vector>

/// Private to shared/http.
namespace worldshare::http {

/// A TCP connection with TLS above it or without: what Beast reads and writes. Its timer holds for
/// both. One strand; handlers run on it. What Beast makes of handlers ends here, so that TLS is
/// compiled once.
class ByteStream {
 public:
  using executor_type = boost::beast::tcp_stream::executor_type;

  explicit ByteStream(const boost::asio::any_io_executor& executor);
  explicit ByteStream(boost::asio::ip::tcp::socket socket);
  ~ByteStream();
  ByteStream(const ByteStream&) = delete;
  ByteStream& operator=(const ByteStream&) = delete;

  /// Before the first byte. `context` must outlive this.
  void use_tls(boost::asio::ssl::context& context);
  bool is_tls() const { return tls_ != nullptr; }
  /// With TLS only.
  SSL* ssl();

  boost::beast::tcp_stream& tcp() { return tcp_; }
  executor_type get_executor() { return tcp_.get_executor(); }
  void expires_after(std::chrono::nanoseconds time) { tcp_.expires_after(time); }

  boost::asio::awaitable<boost::system::error_code> handshake(
      boost::asio::ssl::stream_base::handshake_type side);
  /// Says goodbye, so that the other side knows an end from a cut.
  boost::asio::awaitable<void> close();

  template <class Buffers, class Token>
  auto async_read_some(const Buffers& buffers, Token&& token) {
    const boost::asio::mutable_buffer first = *boost::asio::buffer_sequence_begin(buffers);
    return boost::asio::async_initiate<Token, Signature>(
        [this](auto handler, boost::asio::mutable_buffer buffer) {
          read(buffer, Done(std::move(handler)));
        },
        token, first);
  }
  template <class Buffers, class Token>
  auto async_write_some(const Buffers& buffers, Token&& token) {
    return boost::asio::async_initiate<Token, Signature>(
        [this](auto handler, ConstBuffers pieces) {
          write(std::move(pieces), Done(std::move(handler)));
        },
        token,
        ConstBuffers(boost::asio::buffer_sequence_begin(buffers),
                     boost::asio::buffer_sequence_end(buffers)));
  }

 private:
  using Signature = void(boost::system::error_code, std::size_t);
  using Done = std::move_only_function<Signature>;
  using ConstBuffers = std::vector<boost::asio::const_buffer>;
  struct Tls;

  void read(boost::asio::mutable_buffer buffer, Done done);
  void write(ConstBuffers buffers, Done done);

  boost::beast::tcp_stream tcp_;
  std::unique_ptr<Tls> tls_;
};

}  // namespace worldshare::http
