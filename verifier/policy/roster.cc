#include "verifier/policy/roster.h"

namespace worldshare::verifier::policy {

Roster::Roster(const Parameters& parameters) : parameters_(parameters) {}

void Roster::apply(const Event& event) {
  Entry& entry = entries_[event.identity];
  switch (event.kind) {
    case EventKind::kChecked: return check(entry, event);
    case EventKind::kCanaryMissed: ++entry.standing.canaries_missed; return;
    case EventKind::kQuarantined: return exclude(entry, State::kQuarantined);
    case EventKind::kBanned: return exclude(entry, State::kBanned);
    case EventKind::kReadmitted: entry = {}; return;
  }
}

void Roster::check(Entry& entry, const Event& event) {
  Standing& standing = entry.standing;
  standing.record = observed(standing.record, event.ok, event.bad, parameters_.memory);
  entry.fits = likelihoods(standing.record, parameters_.population);
  if (standing.vetted || standing.record.ok < parameters_.population.vetted_results) return;
  standing.vetted = true;
  ++prior_.vetted;
}

void Roster::exclude(Entry& entry, State state) {
  if (entry.standing.state == State::kActive) ++prior_.excluded;
  entry.standing.state = state;
}

void Roster::restore(IdentityId identity, const Standing& standing) {
  entries_[identity] = {standing, likelihoods(standing.record, parameters_.population)};
}

Standing Roster::standing(IdentityId identity) const {
  const auto found = entries_.find(identity);
  return found == entries_.end() ? Standing{} : found->second.standing;
}

bool Roster::active(IdentityId identity) const {
  const auto found = entries_.find(identity);
  return found == entries_.end() || found->second.standing.state == State::kActive;
}

Belief Roster::belief(IdentityId identity) const {
  const auto found = entries_.find(identity);
  if (found == entries_.end()) return newcomer();
  return policy::belief(found->second.standing.record, found->second.fits, malicious_share(),
                        parameters_);
}

Belief Roster::newcomer() const { return policy::belief({}, {}, malicious_share(), parameters_); }

}  // namespace worldshare::verifier::policy
