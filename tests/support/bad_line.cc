#include "tests/support/bad_line.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>

#include "shared/result.h"
#include "shared/signals.h"

namespace worldshare::testing {
namespace {

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in out{};
  out.sin_family = AF_INET;
  out.sin_port = htons(port);
  out.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return out;
}

bool readable(int fd) {
  pollfd wait{fd, POLLIN, 0};
  return ::poll(&wait, 1, 50) == 1;
}

}  // namespace

BadLine::BadLine(std::uint16_t to, Options options)
    : to_(to), options_(options), listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  auto address = loopback(0);
  socklen_t size = sizeof address;
  auto* plain = reinterpret_cast<sockaddr*>(&address);
  WS_CHECK(::bind(listener_.get(), plain, size) == 0 && ::listen(listener_.get(), 16) == 0 &&
               ::getsockname(listener_.get(), plain, &size) == 0,
           "bad line");
  port_ = ntohs(address.sin_port);
  acceptor_ = std::jthread([this](const std::stop_token& stop) { accept(stop); });
}

BadLine::~BadLine() {
  acceptor_ = {};
  const std::lock_guard lock(mutex_);
  carriers_.clear();
}

void BadLine::lead_to(std::uint16_t port) {
  to_ = port;
  const std::lock_guard lock(mutex_);
  for (const auto& socket : sockets_) ::shutdown(socket.get(), SHUT_RDWR);
}

void BadLine::accept(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    if (!readable(listener_.get())) continue;
    Descriptor near(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    Descriptor far(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const auto address = loopback(to_);
    if (::connect(far.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
      continue;
    const int ends[] = {near.get(), far.get()};
    const std::lock_guard lock(mutex_);
    sockets_.push_back(std::move(near));
    sockets_.push_back(std::move(far));
    for (const int side : {0, 1}) {
      carriers_.emplace_back([this, from = ends[side], to = ends[1 - side]](
                                 const std::stop_token& end) { carry(end, from, to); });
    }
  }
}

void BadLine::carry(const std::stop_token& stop, int from, int to) {
  std::array<char, 64 * 1024> piece{};
  while (!stop.stop_requested()) {
    if (!readable(from)) continue;
    const auto count = ::recv(from, piece.data(), piece.size(), 0);
    if (count <= 0) break;
    // Of a hundred in a row so many are lost, spread evenly: a test does not throw dice.
    const bool lost = ++pieces_ * options_.lost_percent % 100 < options_.lost_percent;
    if (lost) ++stalls_;
    auto late = options_.delay;
    if (lost) late += options_.again;
    if (!sleep_unless_stopped(stop, late)) return;
    if (::send(to, piece.data(), static_cast<std::size_t>(count), MSG_NOSIGNAL) != count) break;
  }
  ::shutdown(to, SHUT_WR);
}

}  // namespace worldshare::testing
