#include "agents/commands/command.h"

#include <fmt/format.h>

namespace worldshare::agent {

int complain(const Error& error) {
  fmt::print(stderr, "worldshare-agent: {}\n", error.message);
  return kExitFailed;
}

}  // namespace worldshare::agent
