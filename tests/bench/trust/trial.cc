#include "tests/bench/trust/trial.h"

#include <array>

namespace trust_bench {

using worldshare::verifier::policy::Act;
using worldshare::verifier::policy::Submission;

namespace {

constexpr std::size_t kAuditorDraws = 4;

}  // namespace

void Trial::advance(std::uint32_t unit) {
  while (world_.units[unit].open) {
    const Step step = world_.rule.decide(world_.units[unit].evidence);
    ++world_.figures.decisions;
    if (!carry_out(unit, step)) break;
  }
  retry_units_of_excluded();
}

bool Trial::carry_out(std::uint32_t number, const Step& step) {
  Unit& unit = world_.units[number];
  switch (step.act) {
    case Act::kWait: return false;
    case Act::kAskReplica:
      unit.evidence.pending += step.count;
      request(number, step.count);
      return false;
    case Act::kAudit: audit(unit, step.target); return true;
    case Act::kTrustedAudit: trusted_audit(unit, step.target); return true;
    case Act::kConvict: exclude(world_.rule.convicted(unit.evidence, step.target)); return true;
    case Act::kTrustedRender: trusted_render(unit); return true;
    case Act::kAccept: accept(number, step); return false;
  }
  return false;
}

void Trial::request(std::uint32_t unit, std::uint32_t count) {
  world_.requests.insert(world_.requests.end(), count, {unit, static_cast<float>(world_.now)});
}

void Trial::audit(Unit& unit, std::uint32_t target) {
  std::array<IdentityId, kAuditorDraws> candidates{};
  for (auto& candidate : candidates)
    candidate = world_.slots[world_.random.index(world_.slots.size())].identity;
  const auto auditor = world_.rule.choose_auditor(candidates, unit.evidence);
  if (!auditor) return world_.rule.trusted() ? trusted_audit(unit, target) : audit(unit, target);
  world_.figures.renders += world_.model.audit_cost;
  Submission& one = unit.evidence.submissions[target];
  (world_.studio.audit_passes(unit.pictures[target], world_.people[*auditor]) ? one.passes
                                                                              : one.failures) += 1;
}

void Trial::trusted_audit(Unit& unit, std::uint32_t target) {
  world_.figures.renders += world_.model.audit_cost;
  world_.figures.trusted += world_.model.audit_cost;
  Submission& one = unit.evidence.submissions[target];
  (world_.studio.audit_passes(unit.pictures[target]) ? one.trusted_passes : one.trusted_failures) +=
      1;
}

void Trial::trusted_render(Unit& unit) {
  world_.figures.renders += 1;
  world_.figures.trusted += 1;
  std::vector<bool> right;
  for (const Picture& picture : unit.pictures)
    right.push_back(picture.content <= Picture::kRightOnCpu);
  unit.evidence.trusted_render = true;
  exclude(world_.rule.compared(unit.evidence, right));
}

void Trial::accept(std::uint32_t number, const Step& step) {
  Unit& unit = world_.units[number];
  unit.open = false;
  --world_.open_units;
  unit.accepted = step;
  unit.wrong =
      !step.trusted && (unit.pictures[step.target].wrong || unit.pictures[step.partner].wrong);
  if (!unit.closed_once) {
    unit.closed_once = true;
    world_.figures.wrong_at_acceptance += unit.wrong;
    world_.figures.latencies.push_back(static_cast<float>(world_.now) - unit.opened);
  }
  exclude(world_.rule.accepted(unit.evidence, step));
}

void Trial::exclude(const Identities& identities) {
  for (const auto identity : identities) {
    Identity& who = world_.people[identity];
    who.excluded = true;
    if (who.bad_results > 0) world_.figures.bad_results_to_exclusion.push_back(who.bad_results);
    excluded_.push_back(static_cast<std::uint32_t>(identity));
  }
}

void Trial::retry_units_of_excluded() {
  while (!excluded_.empty()) {
    const std::uint32_t identity = excluded_.front();
    excluded_.pop_front();
    if (identity >= world_.units_of.size()) continue;
    const auto units = world_.units_of[identity];
    for (const std::uint32_t number : units) {
      Unit& unit = world_.units[number];
      if (unit.open || !world_.rule.reopens(unit.evidence, unit.accepted)) continue;
      unit.open = true;
      ++world_.open_units;
      advance(number);
    }
  }
}

}  // namespace trust_bench
