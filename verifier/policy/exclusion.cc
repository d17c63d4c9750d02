#include "verifier/policy/exclusion.h"

#include <fmt/format.h>

#include <algorithm>

namespace worldshare::verifier::policy {
namespace {

/// "3.0 of its last 41 results count as bad".
std::string record_text(const Record& record) {
  return fmt::format("{:.1f} of its last {:.0f} checked results count as bad", record.bad,
                     record.ok + record.bad);
}

std::optional<std::string> why_banned(const Standing& standing,
                                      const Belief& belief,
                                      const Exclusion& rules) {
  const Record& record = standing.record;
  if (record.bad > rules.sure_bad && belief.bare_malice > rules.sure_malice) {
    return fmt::format("{}: it cheats with a probability of {:.1f} %", record_text(record),
                       100 * belief.bare_malice);
  }
  if (record.bad > rules.sure_bad && belief.bare_risk() > rules.sure_risk) {
    return fmt::format("{}: its next result would be bad with a probability of {:.0f} %",
                       record_text(record), 100 * belief.bare_risk());
  }
  if (record.bad > rules.change_bad && record.cusum >= rules.change_cusum) {
    return fmt::format("{}, and they turned bad all at once", record_text(record));
  }
  return std::nullopt;
}

}  // namespace

std::optional<Exposure> exposed(IdentityId identity, const Roster& roster) {
  const Parameters& parameters = roster.parameters();
  const Standing standing = roster.standing(identity);
  if (standing.state != State::kActive) return std::nullopt;
  if (standing.canaries_missed >= parameters.canaries.misses) {
    return Exposure{
        identity, State::kBanned,
        fmt::format("it missed {} results whose right answer was known", standing.canaries_missed)};
  }
  const Exclusion& rules = parameters.exclusion;
  const double least = std::min({rules.sure_bad, rules.change_bad, rules.quarantine_bad});
  if (standing.record.bad <= least) return std::nullopt;
  const Belief belief = roster.belief(identity);
  if (auto reason = why_banned(standing, belief, rules)) {
    return Exposure{identity, State::kBanned, std::move(*reason)};
  }
  if (standing.record.bad > rules.quarantine_bad && belief.bare_risk() > rules.quarantine_risk) {
    return Exposure{identity, State::kQuarantined,
                    record_text(standing.record) + ": its machine seems to be faulty, check it"};
  }
  return std::nullopt;
}

std::vector<Exposure> exposed_group(const Evidence& evidence, const Roster& roster) {
  std::vector<Exposure> out;
  for (const Submission& one : evidence.submissions) {
    const auto alike = [&](const Submission& other) {
      return other.proof == Proof::kWrong && other.cluster == one.cluster;
    };
    const auto members = std::ranges::count_if(evidence.submissions, alike);
    if (one.proof != Proof::kWrong || members < 2 || !roster.active(one.identity)) continue;
    out.push_back({one.identity, State::kBanned,
                   fmt::format("{} owners returned the same wrong picture", members)});
  }
  return out;
}

Event event_of(const Exposure& exposure) {
  const bool banned = exposure.state == State::kBanned;
  return {exposure.identity, banned ? EventKind::kBanned : EventKind::kQuarantined};
}

}  // namespace worldshare::verifier::policy
