#include "dispatcher/nodes/attempt_limit.h"

namespace worldshare::dispatcher {

bool AttemptLimit::allow(const std::string& peer) {
  const std::lock_guard lock(mutex_);
  const auto now = clock_.now();
  // A clock that was set back does not keep a window open for longer than it is.
  if (now >= until_ || until_ - now > options_.window) {
    until_ = now + options_.window;
    total_ = 0;
    each_.clear();
  }
  if (total_ >= options_.all) return false;
  unsigned& count = each_[peer];
  if (count >= options_.each) return false;
  ++count;
  ++total_;
  return true;
}

}  // namespace worldshare::dispatcher
