#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "verifier/policy/roster.h"

namespace worldshare::verifier {

/// What is believed of the owners in a sitting: the policy's roster, by their names. Owners that
/// were not restored are newcomers. One thread.
class Beliefs {
 public:
  explicit Beliefs(const policy::Parameters& parameters) : roster_(parameters) {}

  /// As a row had it.
  void restore(const std::string& owner, const policy::Standing& standing, std::string reason);
  void restore(const policy::Prior& prior) { roster_.restore(prior); }

  bool excluded(const std::string& owner) const;
  /// Of the exclusion, for people.
  const std::string& reason(const std::string& owner) const;
  /// A number for an owner, the same as long as this object lives.
  policy::IdentityId identity(const std::string& owner);
  const std::string& owner(policy::IdentityId identity) const { return owners_.at(identity); }
  const policy::Roster& roster() const { return roster_; }
  policy::Roster& roster() { return roster_; }

 private:
  policy::Roster roster_;
  std::unordered_map<std::string, policy::IdentityId> identities_;
  std::vector<std::string> owners_;
  std::unordered_map<std::string, std::string> reasons_;  ///< of those who are excluded
};

}  // namespace worldshare::verifier
