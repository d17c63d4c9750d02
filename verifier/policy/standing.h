#pragma once

#include <cstdint>

#include "verifier/policy/record.h"

namespace worldshare::verifier::policy {

enum class State : std::uint8_t {
  kActive,
  kQuarantined,  ///< its machine returns faults; readmitted once a self-test passed
  kBanned,
};

/// What is kept of an identity: one row.
struct Standing {
  Record record;
  State state = State::kActive;
  bool vetted = false;  ///< has been good for long enough, once
  std::uint32_t canaries_missed = 0;

  bool operator==(const Standing&) const = default;
};

}  // namespace worldshare::verifier::policy
