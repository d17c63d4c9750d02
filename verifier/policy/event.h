#pragma once

#include <cstdint>

#include "verifier/policy/evidence.h"

namespace worldshare::verifier::policy {

enum class EventKind : std::uint8_t {
  kChecked,  ///< a result was found good or bad, with the event's weights
  kCanaryMissed,
  kQuarantined,
  kBanned,
  kReadmitted,  ///< by a self-test or an operator: starts again with an empty record
};

/// Something that happened to an identity. Events are only ever added; a roster is their sum.
struct Event {
  IdentityId identity = 0;
  EventKind kind = EventKind::kChecked;
  double ok = 0;  ///< weights in [0, 1], with kChecked
  double bad = 0;
};

}  // namespace worldshare::verifier::policy
