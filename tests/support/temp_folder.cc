#include "tests/support/temp_folder.h"

#include <stdlib.h>
#include <unistd.h>

#include <string>

#include "shared/free_port.h"
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
  const auto port = worldshare::free_port();
  WS_CHECK(port.has_value(), "no free loopback port");
  return *port;
}

}  // namespace worldshare::testing
