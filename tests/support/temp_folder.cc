#include "tests/support/temp_folder.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>

#include "shared/result.h"

namespace worldshare::testing {

TempFolder::TempFolder() {
  std::string pattern = "/tmp/worldshare.XXXXXX";
  WS_CHECK(::mkdtemp(pattern.data()) != nullptr, "cannot make a temporary folder");
  path_ = pattern;
  std::filesystem::permissions(path_, std::filesystem::perms{0755});
}

TempFolder::~TempFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::uint16_t free_port() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  WS_CHECK(::bind(fd, generic, size) == 0 && ::getsockname(fd, generic, &size) == 0,
           "no free loopback port");
  ::close(fd);
  return ntohs(address.sin_port);
}

}  // namespace worldshare::testing
