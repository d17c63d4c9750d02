#include "cli/command.h"

#include <fmt/format.h>

namespace worldshare::cli {

int report_error(const Error& error, std::stop_token stop) {
  if (stop.stop_requested()) {
    fmt::print(stderr, "\nworldshare: interrupted\n");
    return kInterrupted;
  }
  fmt::print(stderr, "worldshare: {}\n", error.message);
  switch (error.code) {
    case Errc::kInvalid:
    case Errc::kCorrupt:
    case Errc::kDenied:
    case Errc::kNotFound:
    case Errc::kConflict: return kBadInput;
    default: return kUnreachable;
  }
}

}  // namespace worldshare::cli
