#include "shared/http/client.h"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/url/parse.hpp>
#include <optional>

#include "shared/http/byte_stream.h"
#include "shared/tls/trust.h"

namespace worldshare::http {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace bhttp = boost::beast::http;
using boost::system::error_code;

struct Target {
  bool tls = false;
  std::string host;
  std::string port;
  std::string path;

  /// As in "Host" (RFC 9110, 7.2): without the port that goes without saying.
  std::string authority() const { return port == (tls ? "443" : "80") ? host : host + ":" + port; }
};

Result<Target> parse_url(const std::string& url, const ClientOptions& options) {
  const auto parsed = boost::urls::parse_uri(url);
  const bool tls = parsed && parsed->scheme() == "https";
  if (!parsed || (!tls && parsed->scheme() != "http") || parsed->host().empty())
    return fail(Errc::kInvalid, "not an http:// or https:// URL: " + url);
  std::string path(parsed->encoded_resource());
  if (path.empty() || path[0] != '/') path.insert(0, "/");
  Target target{tls, parsed->host_address(),
                parsed->has_port() ? std::string(parsed->port())
                : tls              ? "443"
                                   : "80",
                path};
  if (!tls && !options.allow_plain && !tls::is_loopback(target.host)) {
    return fail(Errc::kDenied, "http://" + target.host +
                                   " is not encrypted; use https://, or allow plain HTTP "
                                   "(--allow-plain, or allow_plain in the configuration)");
  }
  return target;
}

/// One exchange: where it goes, what is sent, where the body lands.
struct Call {
  Target target;
  ClientOptions options;
  bhttp::verb verb = bhttp::verb::get;
  std::string content_type;
  std::map<std::string, std::string> headers;
  std::string body;
  std::optional<std::filesystem::path> body_file;
  std::optional<std::filesystem::path> save_to;
  std::uint64_t limit_bytes = 0;
};

std::unexpected<Error> broken(const Call& call, const std::string& doing, const error_code& error) {
  const bool timeout = error == beast::error::timeout;
  if (error == bhttp::error::body_limit) {
    return fail(Errc::kInvalid,
                "answer larger than " + std::to_string(call.limit_bytes) + " bytes");
  }
  return fail(timeout ? Errc::kTimeout : Errc::kUnavailable,
              doing + " " + call.target.host + ":" + call.target.port + ": " + error.message());
}

template <class Body>
void fill(const Call& call, bhttp::request<Body>& request) {
  request.method(call.verb);
  request.target(call.target.path);
  request.version(11);
  request.set(bhttp::field::host, call.target.authority());
  request.set(bhttp::field::user_agent, "worldshare/" WORLDSHARE_VERSION);
  request.set(bhttp::field::connection, "close");
  if (!call.options.bearer_token.empty()) {
    request.set(bhttp::field::authorization, "Bearer " + call.options.bearer_token);
  }
  if (!call.content_type.empty()) request.set(bhttp::field::content_type, call.content_type);
  for (const auto& [name, value] : call.headers) request.set(name, value);
}

template <class Parser>
void take_head(const Parser& parser, Response& response) {
  response.status = parser.get().result_int();
  for (const auto& field : parser.get()) {
    std::string name(field.name_string());
    for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    response.headers[name] = std::string(field.value());
  }
}

/// Returns when the next piece may be moved.
asio::awaitable<void> pace(RateLimit* limit, std::size_t bytes) {
  if (limit == nullptr) co_return;
  const auto wait = limit->take(bytes, std::chrono::steady_clock::now());
  if (wait <= wait.zero()) co_return;
  asio::steady_timer timer(co_await asio::this_coro::executor, wait);
  co_await timer.async_wait(asio::use_awaitable);
}

template <class Serializer>
asio::awaitable<error_code> send(ByteStream& stream, Serializer& serializer, const Call& call) {
  error_code error;
  RateLimit* limit = call.options.upload.get();
  if (limit != nullptr) serializer.limit(limit->piece_bytes());
  // The timer restarts with each piece, so that only a stall counts.
  while (!serializer.is_done()) {
    stream.expires_after(call.options.timeout);
    const std::size_t sent = co_await bhttp::async_write_some(
        stream, serializer, asio::redirect_error(asio::use_awaitable, error));
    if (!error && call.options.stop.stop_requested()) error = asio::error::operation_aborted;
    if (error) break;
    co_await pace(limit, sent);
  }
  co_return error;
}

template <class Parser>
asio::awaitable<error_code> receive_body(ByteStream& stream,
                                         beast::flat_buffer& buffer,
                                         Parser& parser,
                                         const Call& call) {
  error_code error;
  while (!parser.is_done()) {
    stream.expires_after(call.options.timeout);
    const std::size_t got = co_await bhttp::async_read_some(
        stream, buffer, parser, asio::redirect_error(asio::use_awaitable, error));
    if (!error && call.options.stop.stop_requested()) error = asio::error::operation_aborted;
    if (error) break;
    co_await pace(call.options.download.get(), got);
  }
  co_return error;
}

asio::awaitable<Result<Response>> receive(ByteStream& stream, const Call& call) {
  beast::flat_buffer buffer;
  bhttp::response_parser<bhttp::empty_body> head;
  head.body_limit(boost::none);
  const bool no_body = call.verb == bhttp::verb::head;
  head.skip(no_body);
  error_code error;
  stream.expires_after(call.options.timeout);
  co_await bhttp::async_read_header(stream, buffer, head,
                                    asio::redirect_error(asio::use_awaitable, error));
  if (error) co_return broken(call, "no answer from", error);
  Response response;
  take_head(head, response);
  if (no_body) co_return response;
  const bool save = call.save_to && response.status / 100 == 2;
  const std::uint64_t limit = save ? call.limit_bytes : call.options.limit_bytes;
  // Beast holds chunked bodies to the limit, not those with a length.
  if (head.content_length() && *head.content_length() > limit) {
    co_return broken(call, "answer of", bhttp::make_error_code(bhttp::error::body_limit));
  }
  if (save) {
    bhttp::response_parser<bhttp::file_body> parser(std::move(head));
    parser.body_limit(limit);
    parser.get().body().open(call.save_to->c_str(), beast::file_mode::write, error);
    if (error)
      co_return fail(Errc::kUnavailable,
                     "cannot write " + call.save_to->string() + ": " + error.message());
    error = co_await receive_body(stream, buffer, parser, call);
  } else {
    bhttp::response_parser<bhttp::string_body> parser(std::move(head));
    parser.body_limit(limit);
    error = co_await receive_body(stream, buffer, parser, call);
    response.body = std::move(parser.get().body());
  }
  if (error) co_return broken(call, "cut off by", error);
  co_return response;
}

/// Asio has taken OpenSSL's error from its queue.
Error handshake_error(ByteStream& stream, const Call& call, const error_code& error) {
  const std::string peer = call.target.host + ":" + call.target.port;
  Error out = tls::handshake_error(stream.ssl(), peer);
  if (out.code != Errc::kDenied)
    out.message = "no TLS with " + peer + ": " + error.message() + "; is it an https port?";
  return out;
}

asio::awaitable<Result<Response>> exchange(const Call& call, asio::ssl::context* tls) {
  const auto executor = co_await asio::this_coro::executor;
  error_code error;
  asio::ip::tcp::resolver resolver(executor);
  const auto addresses = co_await resolver.async_resolve(
      call.target.host, call.target.port, asio::redirect_error(asio::use_awaitable, error));
  if (error) co_return broken(call, "cannot find", error);
  ByteStream stream(executor);
  stream.expires_after(std::min(call.options.timeout, std::chrono::milliseconds(5000)));
  co_await stream.tcp().async_connect(addresses, asio::redirect_error(asio::use_awaitable, error));
  if (error) co_return broken(call, "cannot connect to", error);
  if (tls != nullptr) {
    stream.use_tls(*tls);
    tls::expect_host(stream.ssl(), call.target.host);
    stream.expires_after(call.options.timeout);
    error = co_await stream.handshake(asio::ssl::stream_base::client);
    if (error == beast::error::timeout) co_return broken(call, "no TLS with", error);
    if (error) co_return std::unexpected(handshake_error(stream, call, error));
  }
  if (call.body_file) {
    bhttp::request<bhttp::file_body> request;
    request.body().open(call.body_file->c_str(), beast::file_mode::scan, error);
    if (error)
      co_return fail(Errc::kNotFound,
                     "cannot read " + call.body_file->string() + ": " + error.message());
    fill(call, request);
    request.prepare_payload();
    bhttp::request_serializer<bhttp::file_body> serializer(request);
    error = co_await send(stream, serializer, call);
  } else {
    bhttp::request<bhttp::string_body> request;
    request.body() = call.body;
    fill(call, request);
    request.prepare_payload();
    bhttp::request_serializer<bhttp::string_body> serializer(request);
    error = co_await send(stream, serializer, call);
  }
  // A server that refuses early closes its reading side; its answer is still worth more than our
  // write error.
  Result<Response> response = co_await receive(stream, call);
  if (!response && error) co_return broken(call, "cannot send to", error);
  co_return response;
}

Result<Response> run(Call call) {
  try {
    asio::io_context context(1);
    std::optional<asio::ssl::context> tls;
    if (call.target.tls) {
      auto made = tls::client_context(call.options.ca_file);
      if (!made) return std::unexpected(made.error());
      tls.emplace(made->release());
    }
    Result<Response> outcome = fail(Errc::kInternal, "no outcome");
    asio::co_spawn(context, exchange(call, tls ? &*tls : nullptr),
                   [&outcome](std::exception_ptr thrown, Result<Response> response) {
                     outcome = thrown ? fail(Errc::kInternal, "HTTP exchange threw")
                                      : std::move(response);
                   });
    context.run();
    return outcome;
  } catch (const std::exception& error) {
    return fail(Errc::kUnavailable, std::string("HTTP: ") + error.what());
  }
}

Result<Call> prepare(const std::string& url, const ClientOptions& options, bhttp::verb verb) {
  auto target = parse_url(url, options);
  if (!target) return std::unexpected(target.error());
  Call call;
  call.target = std::move(*target);
  call.options = options;
  call.verb = verb;
  call.limit_bytes = options.limit_bytes;
  return call;
}

bool is_redirect(const Response& response) {
  return response.status == 302 || response.status == 303 || response.status == 307;
}

/// The "detail" of a problem document (RFC 9457), else the start of the body.
std::string problem_text(const Response& response) {
  const auto type = response.headers.find("content-type");
  const bool problem =
      type != response.headers.end() && type->second.starts_with("application/problem+json");
  const auto key = problem ? response.body.find("\"detail\":") : std::string::npos;
  if (key == std::string::npos) return response.body.substr(0, 300);
  const auto begin = response.body.find('"', key + 9);
  std::string text;
  for (auto i = begin + 1;
       begin != std::string::npos && i < response.body.size() && response.body[i] != '"'; ++i) {
    if (response.body[i] == '\\' && i + 1 < response.body.size()) ++i;
    text += response.body[i];
  }
  return text;
}

}  // namespace

Result<Response> get(const std::string& url, const ClientOptions& options) {
  auto call = prepare(url, options, bhttp::verb::get);
  if (!call) return std::unexpected(call.error());
  return run(std::move(*call));
}

Result<Response> post(const std::string& url,
                      const std::string& content_type,
                      const std::string& body,
                      const ClientOptions& options,
                      const std::map<std::string, std::string>& headers) {
  auto call = prepare(url, options, bhttp::verb::post);
  if (!call) return std::unexpected(call.error());
  call->content_type = content_type;
  call->body = body;
  call->headers = headers;
  return run(std::move(*call));
}

Result<Response> put(const std::string& url,
                     ByteView body,
                     const ClientOptions& options,
                     const std::map<std::string, std::string>& headers) {
  auto call = prepare(url, options, bhttp::verb::put);
  if (!call) return std::unexpected(call.error());
  call->headers = headers;
  call->content_type = "application/octet-stream";
  call->body = std::string(as_text(body));
  return run(std::move(*call));
}

Result<Response> remove(const std::string& url, const ClientOptions& options) {
  auto call = prepare(url, options, bhttp::verb::delete_);
  if (!call) return std::unexpected(call.error());
  return run(std::move(*call));
}

Result<Response> put_file(const std::string& url,
                          const std::filesystem::path& file,
                          const ClientOptions& options) {
  auto call = prepare(url, options, bhttp::verb::put);
  if (!call) return std::unexpected(call.error());
  call->content_type = "application/octet-stream";
  call->body_file = file;
  return run(std::move(*call));
}

Result<Response> patch(const std::string& url,
                       const std::string& content_type,
                       std::string body,
                       const ClientOptions& options,
                       const std::map<std::string, std::string>& headers) {
  auto call = prepare(url, options, bhttp::verb::patch);
  if (!call) return std::unexpected(call.error());
  call->content_type = content_type;
  call->body = std::move(body);
  call->headers = headers;
  return run(std::move(*call));
}

Result<Response> send(const std::string& method,
                      const std::string& url,
                      const std::map<std::string, std::string>& headers,
                      ByteView body,
                      const ClientOptions& options) {
  auto call = prepare(url, options, bhttp::string_to_verb(method));
  if (!call) return std::unexpected(call.error());
  call->headers = headers;
  call->body = std::string(as_text(body));
  return run(std::move(*call));
}

Result<Response> get_file(const std::string& url,
                          const std::filesystem::path& file,
                          std::uint64_t limit_bytes,
                          const ClientOptions& options,
                          const std::map<std::string, std::string>& headers) {
  auto call = prepare(url, options, bhttp::verb::get);
  if (!call) return std::unexpected(call.error());
  call->headers = headers;
  call->save_to = file;
  call->limit_bytes = limit_bytes;
  const std::string first = call->target.authority();
  auto response = run(std::move(*call));
  if (!response || !is_redirect(*response)) return response;
  const auto location = response->headers.find("location");
  if (location == response->headers.end()) return response;
  auto onward = prepare(location->second, options, bhttp::verb::get);
  if (!onward) return std::unexpected(onward.error());
  if (onward->target.authority() == first) {
    onward->headers = headers;
  } else {
    onward->options.bearer_token.clear();
  }
  onward->save_to = file;
  onward->limit_bytes = limit_bytes;
  return run(std::move(*onward));
}

Result<Response> expect_ok(Result<Response> response) {
  if (!response || response->status / 100 == 2) return response;
  const std::string text =
      problem_text(*response) + " (HTTP " + std::to_string(response->status) + ")";
  switch (response->status) {
    case 401:
    case 403: return fail(Errc::kDenied, text);
    case 404: return fail(Errc::kNotFound, text);
    case 408:
    case 429: return fail(Errc::kUnavailable, text);
    case 409: return fail(Errc::kConflict, text);
    default: return fail(response->status >= 500 ? Errc::kUnavailable : Errc::kInvalid, text);
  }
}

}  // namespace worldshare::http
