#include "verifier/image/known_artifacts.h"

#include <algorithm>

namespace worldshare::verifier {

Knowledge KnownArtifacts::of(const std::string& key) {
  const std::lock_guard lock(mutex_);
  const auto found = index_.find(key);
  if (found == index_.end()) return Knowledge::kNone;
  entries_.splice(entries_.begin(), entries_, found->second);
  return found->second->knowledge;
}

void KnownArtifacts::learn(const std::string& key, Knowledge knowledge) {
  const std::lock_guard lock(mutex_);
  const auto found = index_.find(key);
  if (found != index_.end()) {
    found->second->knowledge = std::max(found->second->knowledge, knowledge);
    return;
  }
  entries_.push_front({key, knowledge});
  index_[key] = entries_.begin();
  if (entries_.size() <= limit_) return;
  index_.erase(entries_.back().key);
  entries_.pop_back();
}

}  // namespace worldshare::verifier
