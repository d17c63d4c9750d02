#include "shared/http/server.h"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

#include "shared/http/session.h"
#include "shared/log.h"
#include "shared/tls/trust.h"

namespace worldshare::http {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

namespace {
using std::chrono::steady_clock;

constexpr std::uint64_t kRefusalsToLog = 1'000;
/// What keeps connections from being accepted, too many open files say, is not gone at once.
constexpr std::chrono::milliseconds kAcceptRest{100};
constexpr std::chrono::minutes kAcceptComplaints{1};
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
      if (error) {
        co_await rest(error);
        continue;
      }
      const auto peer = socket.remote_endpoint(error);
      const std::string address = error ? std::string() : peer.address().to_string();
      if (!enter(address)) continue;  // the socket closes
      auto executor = socket.get_executor();
      asio::co_spawn(executor, serve(std::move(socket), address), asio::detached);
    }
  }

  asio::awaitable<void> rest(const error_code& error) {
    const auto now = steady_clock::now();
    if (now >= next_complaint) {
      spdlog::warn("no connection can be accepted reason=\"{}\"", error.message());
      next_complaint = now + kAcceptComplaints;
    }
    asio::steady_timer timer(context, kAcceptRest);
    co_await timer.async_wait(asio::use_awaitable);
  }

  /// Counts a connection; false when there are too many.
  bool enter(const std::string& address) {
    const std::lock_guard lock(mutex);
    std::uint32_t& of_address = by_address[address];
    const bool crowd =
        options.connections_per_address > 0 && of_address >= options.connections_per_address;
    if (crowd || connections >= options.connection_limit) {
      if (of_address == 0) by_address.erase(address);
      if (refused++ % kRefusalsToLog == 0)
        spdlog::warn("connection refused address={} open={} refused={}", address, connections,
                     refused);
      return false;
    }
    ++connections;
    ++of_address;
    return true;
  }

  void leave(const std::string& address) {
    const std::lock_guard lock(mutex);
    --connections;
    const auto found = by_address.find(address);
    if (--found->second == 0) by_address.erase(found);
  }

  asio::awaitable<void> serve(tcp::socket socket, std::string address) {
    try {
      Session session(std::move(socket), tls ? &*tls : nullptr, handler, options);
      co_await session.run();
    } catch (const std::exception& error) {
      spdlog::warn("http session ended by exception what=\"{}\"", error.what());
    }
    leave(address);
  }

  ServerOptions options;
  Handler& handler;
  std::optional<asio::ssl::context> tls;
  asio::io_context context;
  tcp::acceptor acceptor;
  steady_clock::time_point next_complaint;  // of accept() alone
  std::mutex mutex;
  std::uint32_t connections = 0;                    // guarded by mutex
  std::uint64_t refused = 0;                        // guarded by mutex
  std::map<std::string, std::uint32_t> by_address;  // guarded by mutex
  std::vector<std::jthread> threads;
};

Server::Server() = default;

Result<std::unique_ptr<Server>> Server::open(const ServerOptions& options, Handler& handler) {
  std::unique_ptr<Server> server(new Server);
  server->impl_ = std::make_unique<Impl>(options, handler);
  Impl& impl = *server->impl_;
  if (!options.certificate.empty()) {
    auto made = tls::server_context(options.certificate, options.key);
    if (!made) return std::unexpected(made.error());
    impl.tls.emplace(made->release());
  }
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
