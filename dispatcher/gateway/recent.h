#pragma once

#include <algorithm>
#include <chrono>
#include <map>
#include <mutex>
#include <optional>
#include <string>

namespace worldshare::dispatcher {

/// Answers that many ask for and that are dear to count, by a name. One is good for `least`, and
/// for longer where it took long: 20 times as long as it took, so that asking all day takes a
/// twentieth of a core. Thread-safe.
template <class Value>
class Recent {
 public:
  using Time = std::chrono::steady_clock;

  explicit Recent(Time::duration least, std::size_t most = 4'096) : least_(least), most_(most) {}

  std::optional<Value> find(const std::string& name) const {
    const std::lock_guard lock(mutex_);
    const auto known = known_.find(name);
    if (known == known_.end() || known->second.until < Time::now()) return std::nullopt;
    return known->second.value;
  }

  /// Counting it began at this time.
  void keep(const std::string& name, Value value, Time::time_point began) {
    const auto now = Time::now();
    const std::lock_guard lock(mutex_);
    if (known_.size() >= most_)
      std::erase_if(known_, [&](const auto& one) { return one.second.until < now; });
    if (known_.size() >= most_) known_.clear();
    known_.insert_or_assign(
        name,
        Known{std::move(value), now + std::max<Time::duration>(least_, kTimes * (now - began))});
  }

 private:
  static constexpr int kTimes = 20;
  struct Known {
    Value value;
    Time::time_point until;
  };
  const Time::duration least_;
  const std::size_t most_;
  mutable std::mutex mutex_;
  std::map<std::string, Known, std::less<>> known_;  ///< guarded by mutex_
};

}  // namespace worldshare::dispatcher
