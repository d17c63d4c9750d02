#include "shared/free_port.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "shared/crypto.h"
#include "shared/descriptor.h"

namespace worldshare {
namespace {

constexpr std::uint16_t kFirst = 10'000;
constexpr std::uint16_t kCount = 22'000;
constexpr int kTries = 500;

bool is_free(std::uint16_t port) {
  const Descriptor fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

}  // namespace

Result<std::uint16_t> free_port() {
  for (int i = 0; i < kTries; ++i) {
    const auto port = static_cast<std::uint16_t>(kFirst + random_below(kCount));
    if (is_free(port)) return port;
  }
  return fail(Errc::kUnavailable, "no loopback port is free");
}

}  // namespace worldshare
