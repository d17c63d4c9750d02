#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "shared/bytes.h"
#include "shared/http/out_stream.h"
#include "shared/result.h"

namespace worldshare::http {

struct Request {
  std::string method;                          ///< "GET"
  std::string path;                            ///< decoded, begins with '/', no "..", no query
  std::string query;                           ///< raw, without '?'
  std::map<std::string, std::string> headers;  ///< lower-case names
  std::string body;                            ///< empty when a BodySink takes it
  std::string address;                         ///< the peer's, without its port
  bool is_local = false;                       ///< the peer is this machine, over loopback
};

/// Bytes of a file, from `offset` on.
struct FilePart {
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
};

struct Reply {
  unsigned status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::string file;  ///< when set, this file is the body
  std::map<std::string, std::string> headers;
  std::optional<FilePart> part{};               ///< of the file; nothing: all of it
  std::shared_ptr<OutStream> stream = nullptr;  ///< when set, the body is what comes out of it
};

/// Takes a request's body as it arrives, so that a large upload needs no memory.
class BodySink {
 public:
  virtual ~BodySink() = default;
  /// An error ends the request; it is answered with on_error().
  virtual Result<> write(ByteView bytes) = 0;
  /// All bytes have come: the final answer.
  virtual Reply finish() = 0;
  virtual Reply on_error(const Error& error) = 0;
};

/// What the handler says once it has seen the head: an answer at once, "give me the whole body
/// first" (bounded by `limit_bytes`, larger is answered 413), or a sink for it.
struct NeedBody {
  std::size_t limit_bytes = 1U << 20;
};
using HeadDecision = std::variant<Reply, NeedBody, std::unique_ptr<BodySink>>;

/// Called on the server's threads, several at once.
class Handler {
 public:
  virtual ~Handler() = default;
  virtual HeadDecision on_head(const Request& head) = 0;
  virtual Reply on_request(const Request& request) = 0;
};

struct ServerOptions {
  std::string address = "127.0.0.1";
  std::uint16_t port = 8080;          ///< 0 takes a free one
  std::filesystem::path certificate;  ///< PEM with its chain; empty: plain HTTP
  std::filesystem::path key;          ///< of the certificate
  unsigned threads = 4;
  std::uint32_t header_limit_bytes = 16 * 1024;
  std::uint32_t connection_limit = 4096;
  std::uint32_t connections_per_address = 0;  ///< 0: as many as there may be
  std::uint32_t idle_seconds = 30;            ///< a connection without a byte for so long is closed
  std::uint32_t head_seconds = 10;  ///< a request's head comes within so long from its first byte
  std::uint32_t slowest_body_bytes_per_second = 1'024;  ///< on average, beyond `idle_seconds`
};

/// HTTP/1.1 with keep-alive on Boost.Beast, over TLS where there is a certificate. Listens from
/// open() on; the destructor stops and joins. `handler` must outlive it.
class Server {
 public:
  static Result<std::unique_ptr<Server>> open(const ServerOptions& options, Handler& handler);
  ~Server();
  std::uint16_t port() const;

 private:
  Server();
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace worldshare::http
