#pragma once

#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <vector>

namespace worldshare::agent {

/// What this run of the agent has done, for its owner. Thread-safe.
class WorkHistory {
 public:
  static constexpr std::size_t kRemembered = 20;
  enum class Outcome : std::uint8_t { rendered, failed, handed_back };
  struct Entry {
    std::int32_t frame = 0;
    Outcome outcome = Outcome::rendered;
    std::string detail;          ///< an error code, or why it was handed back
    double seconds = 0;          ///< of work, from assignment to report
    std::uint64_t ended_ms = 0;  ///< unix time
  };
  struct Totals {
    std::uint64_t rendered = 0;
    std::uint64_t failed = 0;
    std::uint64_t handed_back = 0;
  };

  void add(Entry entry) {
    const std::lock_guard lock(mutex_);
    switch (entry.outcome) {
      case Outcome::rendered: ++totals_.rendered; break;
      case Outcome::failed: ++totals_.failed; break;
      case Outcome::handed_back: ++totals_.handed_back; break;
    }
    entries_.push_front(std::move(entry));
    if (entries_.size() > kRemembered) entries_.pop_back();
  }
  /// The newest first.
  std::vector<Entry> entries() const {
    const std::lock_guard lock(mutex_);
    return {entries_.begin(), entries_.end()};
  }
  Totals totals() const {
    const std::lock_guard lock(mutex_);
    return totals_;
  }

 private:
  mutable std::mutex mutex_;
  std::deque<Entry> entries_;  // by mutex_
  Totals totals_;              // by mutex_
};

}  // namespace worldshare::agent
