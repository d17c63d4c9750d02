#include "shared/nats/examine_tls.h"

#include <netdb.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <boost/url/parse.hpp>

#include "shared/descriptor.h"
#include "shared/tls/trust.h"

namespace worldshare::nats {
namespace {

using Addresses = UniqueHandle<addrinfo, ::freeaddrinfo>;
using Ssl = UniqueHandle<SSL, SSL_free>;

Result<Descriptor> connect_to(const std::string& host,
                              const std::string& port,
                              std::chrono::milliseconds timeout) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* raw = nullptr;
  if (const int code = ::getaddrinfo(host.c_str(), port.c_str(), &hints, &raw); code != 0) {
    return fail(Errc::kUnavailable, "cannot find " + host + ": " + ::gai_strerror(code));
  }
  const Addresses addresses(raw);
  timeval limit{};
  limit.tv_sec = timeout.count() / 1000;
  limit.tv_usec = static_cast<suseconds_t>(timeout.count() % 1000 * 1000);
  for (const addrinfo* each = raw; each != nullptr; each = each->ai_next) {
    Descriptor socket(::socket(each->ai_family, each->ai_socktype | SOCK_CLOEXEC, 0));
    // They hold for connect() as well.
    ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    ::setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    if (::connect(socket.get(), each->ai_addr, each->ai_addrlen) == 0) return socket;
  }
  return fail(Errc::kUnavailable, "nobody answers at " + host + ":" + port);
}

/// The broker speaks first, one line in the clear: "INFO {...}".
bool read_greeting(int socket) {
  std::string line;
  for (char c = 0; line.size() < 64 * 1024 && ::recv(socket, &c, 1, 0) == 1;) {
    if (c == '\n') return line.starts_with("INFO ");
    line += c;
  }
  return false;
}

}  // namespace

Result<> examine_tls(const std::string& url,
                     const std::filesystem::path& ca_file,
                     std::chrono::milliseconds timeout) {
  const auto parsed = boost::urls::parse_uri(url);
  if (!parsed || parsed->scheme() != "tls" || parsed->host().empty())
    return fail(Errc::kInvalid, "not a tls:// address: " + url);
  const std::string host(parsed->host_address());
  const std::string port = parsed->has_port() ? std::string(parsed->port()) : "4222";
  auto context = tls::client_context(ca_file);
  if (!context) return std::unexpected(context.error());
  auto socket = connect_to(host, port, timeout);
  if (!socket) return std::unexpected(socket.error());
  if (!read_greeting(socket->get()))
    return fail(Errc::kUnavailable, "who answers at " + host + ":" + port + " is no NATS broker");
  const Ssl ssl(SSL_new(context->get()));
  tls::expect_host(ssl.get(), host);
  SSL_set_fd(ssl.get(), socket->get());
  if (SSL_connect(ssl.get()) != 1)
    return std::unexpected(tls::handshake_error(ssl.get(), host + ":" + port));
  return {};
}

}  // namespace worldshare::nats
