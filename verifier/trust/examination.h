#pragma once

#include <string>

#include "shared/messages/messages.h"
#include "shared/result.h"
#include "verifier/trust/evidence.h"
#include "verifier/trust/lease_record.h"

namespace worldshare::verifier {

/// What a result is worth before it is compared with others.
struct Finding {
  enum class Outcome : std::uint8_t { kRendered, kFailed, kVoid };
  Outcome outcome = Outcome::kVoid;
  std::string why_void;  ///< for people
};

/// Holds a rendered result's artifact against what the agent committed to and what the job asks
/// for, by its structure. An error means that this could not be found out now.
Result<Finding> examine(const wire::ResultT& result, const LeaseRecord& lease, Evidence& evidence);

}  // namespace worldshare::verifier
