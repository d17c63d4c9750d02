#include "shared/http/byte_stream.h"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace worldshare::http {

namespace asio = boost::asio;
using boost::system::error_code;

struct ByteStream::Tls {
  Tls(boost::beast::tcp_stream& below, asio::ssl::context& context) : stream(below, context) {}
  asio::ssl::stream<boost::beast::tcp_stream&> stream;
};

ByteStream::ByteStream(const asio::any_io_executor& executor) : tcp_(executor) {}
ByteStream::ByteStream(asio::ip::tcp::socket socket) : tcp_(std::move(socket)) {}
ByteStream::~ByteStream() = default;

void ByteStream::use_tls(asio::ssl::context& context) {
  tls_ = std::make_unique<Tls>(tcp_, context);
}

SSL* ByteStream::ssl() { return tls_->stream.native_handle(); }

asio::awaitable<error_code> ByteStream::handshake(asio::ssl::stream_base::handshake_type side) {
  error_code error;
  co_await tls_->stream.async_handshake(side, asio::redirect_error(asio::use_awaitable, error));
  co_return error;
}

asio::awaitable<void> ByteStream::close() {
  error_code ignored;
  if (tls_) {
    tcp_.expires_after(std::chrono::seconds(2));
    co_await tls_->stream.async_shutdown(asio::redirect_error(asio::use_awaitable, ignored));
  }
  tcp_.socket().shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
}

void ByteStream::read(asio::mutable_buffer buffer, Done done) {
  if (tls_) {
    tls_->stream.async_read_some(buffer, std::move(done));
  } else {
    tcp_.async_read_some(buffer, std::move(done));
  }
}

void ByteStream::write(ConstBuffers buffers, Done done) {
  if (tls_) {
    tls_->stream.async_write_some(buffers, std::move(done));
  } else {
    tcp_.async_write_some(buffers, std::move(done));
  }
}

}  // namespace worldshare::http
