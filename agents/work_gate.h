#pragma once

#include <map>
#include <mutex>
#include <string>

namespace worldshare::agent {

/// Whether this agent takes work. Several may close it, each for a reason of its own: its owner
/// (pause), the machine (battery, schedule), the end of the program. Thread-safe.
class WorkGate {
 public:
  /// True when that changed something. An empty reason opens it again for this one.
  bool close(const std::string& who, const std::string& reason) {
    const std::lock_guard lock(mutex_);
    if (reason.empty()) return reasons_.erase(who) > 0;
    std::string& known = reasons_[who];
    const bool changed = known != reason;
    known = reason;
    return changed;
  }
  bool open(const std::string& who) { return close(who, {}); }
  /// Why no work is taken; empty: it is.
  std::string reason() const {
    const std::lock_guard lock(mutex_);
    return reasons_.empty() ? std::string() : reasons_.begin()->second;
  }
  bool is_closed_by(const std::string& who) const {
    const std::lock_guard lock(mutex_);
    return reasons_.contains(who);
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::string> reasons_;  // by mutex_
};

}  // namespace worldshare::agent
