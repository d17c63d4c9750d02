#include "shared/result.h"

namespace worldshare {

std::string_view to_string(Errc code) {
  switch (code) {
    case Errc::kTimeout: return "timeout";
    case Errc::kUnavailable: return "unavailable";
    case Errc::kConflict: return "conflict";
    case Errc::kNotFound: return "not_found";
    case Errc::kInvalid: return "invalid";
    case Errc::kDenied: return "denied";
    case Errc::kCorrupt: return "corrupt";
    case Errc::kInternal: return "internal";
  }
  return "internal";
}

}  // namespace worldshare
