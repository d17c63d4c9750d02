#pragma once

#include <vector>

#include "verifier/policy/event.h"
#include "verifier/policy/evidence.h"
#include "verifier/policy/roster.h"
#include "verifier/policy/step.h"

namespace worldshare::verifier::policy {

/// Carries out kConvict: submission `target` is proved wrong and, where equal pictures are copies,
/// so is all of its cluster. Returns what that means for their owners.
std::vector<Event> convict(Evidence& evidence, std::uint32_t target, const Parameters& policy);

/// Enters the result of a render on trusted hardware: `right` says for each submission whether it
/// shows the same picture. Returns what that means for owners who were not judged before.
std::vector<Event> compare_with_trusted(Evidence& evidence, const std::vector<bool>& right);

/// What an acceptance means for the owners of the unit. Who agreed is credited by how independent
/// the check was: by the audits that the picture passed, or by the honesty of those who agreed with
/// it, whichever says more; a result that nothing examined says nothing. Who was outvoted is
/// debited by the probability that the accepted picture is right, unless trusted audits had cleared
/// it. What was proved is on record already.
std::vector<Event> settle(const Evidence& evidence,
                          const Step& accepted,
                          const Parameters& policy,
                          const Roster& roster);

}  // namespace worldshare::verifier::policy
