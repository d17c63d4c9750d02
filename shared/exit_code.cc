#include "shared/exit_code.h"

#include "shared/log.h"

namespace worldshare {

int exit_code(const Result<>& outcome) {
  if (outcome) return 0;
  spdlog::error("{}", outcome.error().message);
  switch (outcome.error().code) {
    case Errc::kInvalid:
    case Errc::kDenied:
    case Errc::kNotFound: return 2;
    case Errc::kUnavailable:
    case Errc::kTimeout: return 3;
    default: return 1;
  }
}

}  // namespace worldshare
