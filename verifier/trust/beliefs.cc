#include "verifier/trust/beliefs.h"

namespace worldshare::verifier {

void Beliefs::restore(const std::string& owner,
                      const policy::Standing& standing,
                      std::string reason) {
  roster_.restore(identity(owner), standing);
  if (standing.state == policy::State::kActive) {
    reasons_.erase(owner);
  } else {
    reasons_[owner] = std::move(reason);
  }
}

bool Beliefs::excluded(const std::string& owner) const { return reasons_.contains(owner); }

const std::string& Beliefs::reason(const std::string& owner) const {
  static const std::string none;
  const auto found = reasons_.find(owner);
  return found == reasons_.end() ? none : found->second;
}

policy::IdentityId Beliefs::identity(const std::string& owner) {
  const auto [entry, is_new] = identities_.try_emplace(owner, owners_.size());
  if (is_new) owners_.push_back(owner);
  return entry->second;
}

}  // namespace worldshare::verifier
