#include "shared/nats/examine_broker.h"

#include <netdb.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <boost/url/parse.hpp>
#include <cerrno>

#include "shared/descriptor.h"
#include "shared/tls/trust.h"

namespace worldshare::nats {
namespace {

using Addresses = UniqueHandle<addrinfo, ::freeaddrinfo>;
using Ssl = UniqueHandle<SSL, SSL_free>;

struct Place {
  std::string host;
  std::string port;
  bool tls = false;
};

Result<Place> place_of(const std::string& url) {
  const auto parsed = boost::urls::parse_uri(url);
  const bool tls = parsed && parsed->scheme() == "tls";
  if (!parsed || (!tls && parsed->scheme() != "nats") || parsed->host().empty())
    return fail(Errc::kInvalid, "not a tls:// or nats:// address: " + url);
  return Place{std::string(parsed->host_address()),
               parsed->has_port() ? std::string(parsed->port()) : "4222", tls};
}

Result<Addresses> resolve(const Place& place) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* raw = nullptr;
  const int code = ::getaddrinfo(place.host.c_str(), place.port.c_str(), &hints, &raw);
  if (code == 0) return Addresses(raw);
  return fail(Errc::kUnavailable,
              "cannot find " + place.host + ": " + ::gai_strerror(code) +
                  "; check the name, the network and the name servers in /etc/resolv.conf");
}

Result<Descriptor> connect_to(const Place& place,
                              const addrinfo* addresses,
                              std::chrono::milliseconds timeout) {
  timeval limit{};
  limit.tv_sec = timeout.count() / 1000;
  limit.tv_usec = static_cast<suseconds_t>(timeout.count() % 1000 * 1000);
  for (const addrinfo* each = addresses; each != nullptr; each = each->ai_next) {
    Descriptor socket(::socket(each->ai_family, each->ai_socktype | SOCK_CLOEXEC, 0));
    // They hold for connect() as well.
    ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    ::setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    if (::connect(socket.get(), each->ai_addr, each->ai_addrlen) == 0) return socket;
  }
  return fail(Errc::kUnavailable, "nobody answers at " + place.host + ":" + place.port +
                                      "; check the network and the firewall");
}

std::unexpected<Error> silent(const Place& place) {
  return fail(Errc::kUnavailable, "the broker at " + place.host + ":" + place.port +
                                      " accepts connections but does not answer; its operator "
                                      "must look at it");
}

/// The broker speaks first, one line in the clear: "INFO {...}".
Result<> read_greeting(const Place& place, int socket) {
  std::string line;
  while (line.size() < 64 * 1024) {
    char c = 0;
    const auto got = ::recv(socket, &c, 1, 0);
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return silent(place);
    if (got != 1 || c == '\n') break;
    line += c;
  }
  if (line.starts_with("INFO ")) return {};
  return fail(Errc::kUnavailable,
              "who answers at " + place.host + ":" + place.port + " is no NATS broker");
}

/// Anything that it says, also the end of the connection, is an answer.
Result<> ask(const Place& place, int socket, SSL* ssl) {
  constexpr std::string_view kPing = "PING\r\n";
  char c = 0;
  if (ssl != nullptr) {
    SSL_write(ssl, kPing.data(), static_cast<int>(kPing.size()));
    if (SSL_read(ssl, &c, 1) == 1 || (errno != EAGAIN && errno != EWOULDBLOCK)) return {};
  } else {
    ::send(socket, kPing.data(), kPing.size(), MSG_NOSIGNAL);
    if (::recv(socket, &c, 1, 0) >= 0 || (errno != EAGAIN && errno != EWOULDBLOCK)) return {};
  }
  return silent(place);
}

Result<> visit(const std::string& url,
               const std::filesystem::path& ca_file,
               std::chrono::milliseconds timeout,
               bool with_question) {
  const auto place = place_of(url);
  if (!place) return std::unexpected(place.error());
  auto addresses = resolve(*place);
  if (!addresses) return std::unexpected(addresses.error());
  auto socket = connect_to(*place, addresses->get(), timeout);
  if (!socket) return std::unexpected(socket.error());
  if (auto ok = read_greeting(*place, socket->get()); !ok) return ok;
  if (!place->tls) return with_question ? ask(*place, socket->get(), nullptr) : Result<>();
  auto context = tls::client_context(ca_file);
  if (!context) return std::unexpected(context.error());
  const Ssl ssl(SSL_new(context->get()));
  tls::expect_host(ssl.get(), place->host);
  SSL_set_fd(ssl.get(), socket->get());
  if (SSL_connect(ssl.get()) != 1)
    return std::unexpected(tls::handshake_error(ssl.get(), place->host + ":" + place->port));
  return with_question ? ask(*place, socket->get(), ssl.get()) : Result<>();
}

}  // namespace

Result<> find_broker(const std::string& url) {
  const auto place = place_of(url);
  if (!place) return std::unexpected(place.error());
  const auto addresses = resolve(*place);
  if (!addresses) return std::unexpected(addresses.error());
  return {};
}

Result<> examine_broker(const std::string& url,
                        const std::filesystem::path& ca_file,
                        std::chrono::milliseconds timeout) {
  return visit(url, ca_file, timeout, false);
}

Result<> probe_broker(const std::string& url,
                      const std::filesystem::path& ca_file,
                      std::chrono::milliseconds timeout) {
  return visit(url, ca_file, timeout, true);
}

}  // namespace worldshare::nats
