#pragma once

#include <optional>
#include <span>

#include "verifier/policy/evidence.h"
#include "verifier/policy/roster.h"
#include "verifier/policy/step.h"

namespace worldshare::verifier::policy {

/// What to do next about a unit. Ask again after the step was carried out and `evidence` tells of
/// it; a unit that was accepted is closed. Pure, and a function of rows alone: the same evidence,
/// policy and roster give the same step, so a repeated message changes nothing.
///
/// kEvidence and kSplit: a failed audit is first settled on trusted hardware; then, of pictures
/// that contradict each other, wrong ones are looked for (without trusted hardware a failure raises
/// the risk, and pictures that contradict each other share their credibility); then the cheapest
/// evidence is gathered, audits or replicas, until the risk of the leading picture is within
/// risk.limit. A replica is asked for only when what came before it is committed, so that nobody
/// knows his partner's answer.
Step decide(const Evidence& evidence, const Parameters& policy, const Roster& roster);

/// Whether `identity` may render a further replica of the unit. Never twice the same, never one who
/// is excluded. Unless `patience` ran out (nobody better came for a while) one of whom malice above
/// replicas.partner_malice is believed is only paired with owners below it.
bool may_replicate(IdentityId identity,
                   const Evidence& evidence,
                   bool out_of_patience,
                   const Parameters& policy,
                   const Roster& roster);

/// Who of `candidates`, drawn at random among those that have the job warm, audits submissions of
/// the unit: the one of whom the least malice is believed, if that is below audits.auditor_malice.
/// Nobody: trusted hardware does it.
std::optional<IdentityId> choose_auditor(std::span<const IdentityId> candidates,
                                         const Evidence& evidence,
                                         const Parameters& policy,
                                         const Roster& roster);

}  // namespace worldshare::verifier::policy
