#pragma once

#include <optional>
#include <string>
#include <vector>

#include "verifier/policy/evidence.h"
#include "verifier/policy/roster.h"

namespace worldshare::verifier::policy {

/// Why an identity is taken out.
struct Exposure {
  IdentityId identity = 0;
  State state = State::kBanned;
  std::string reason;  ///< a sentence for its owner and for operators
};

/// Whether what is known of an active identity excludes it. It is banned when malice is nearly
/// certain, when its next result is bad too likely, when its results turned bad all at once, or
/// when it missed canaries; it is quarantined when its faults look like a machine's.
std::optional<Exposure> exposed(IdentityId identity, const Roster& roster);

/// Active identities that returned the same picture, proved wrong: two never err alike, so all of
/// them are banned, whatever their records.
std::vector<Exposure> exposed_group(const Evidence& evidence, const Roster& roster);

/// The event that carries it out.
Event event_of(const Exposure& exposure);

}  // namespace worldshare::verifier::policy
