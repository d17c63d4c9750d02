#pragma once

#include <unordered_map>

#include "verifier/policy/belief.h"
#include "verifier/policy/event.h"
#include "verifier/policy/parameters.h"
#include "verifier/policy/prior.h"
#include "verifier/policy/standing.h"

namespace worldshare::verifier::policy {

/// What is known of identities. It is a pure function of the events that were applied and their
/// order; rows of standings and the prior, restored, continue where they were written. An identity
/// that nothing is known of has an empty record. About 100 bytes an identity. Thread-compatible.
class Roster {
 public:
  /// `parameters` is copied.
  explicit Roster(const Parameters& parameters);

  void apply(const Event& event);
  /// As a row had it; replaces what was known of `identity`.
  void restore(IdentityId identity, const Standing& standing);
  void restore(const Prior& prior) { prior_ = prior; }

  Standing standing(IdentityId identity) const;
  bool active(IdentityId identity) const;
  Belief belief(IdentityId identity) const;
  /// As the belief in somebody unknown.
  Belief newcomer() const;
  const Prior& prior() const { return prior_; }
  double malicious_share() const { return prior_.malicious_share(parameters_.population); }
  const Parameters& parameters() const { return parameters_; }

 private:
  struct Entry {
    Standing standing;
    Likelihoods fits;
  };
  void check(Entry& entry, const Event& event);
  void exclude(Entry& entry, State state);

  const Parameters parameters_;
  Prior prior_;
  std::unordered_map<IdentityId, Entry> entries_;
};

}  // namespace worldshare::verifier::policy
