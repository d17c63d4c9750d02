#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <stop_token>
#include <string>
#include <vector>

#include "agent_types.h"

namespace worldshare::agent {

/// What this agent holds: which lease each slot works on, and which ended lately. The
/// source of every heartbeat. Thread-safe.
class LeaseBook {
 public:
  static constexpr std::size_t kRemembered = 64;
  /// How long the dispatcher may be without word of a step forward: short units end within it, and
  /// the word of their end tells it too. Whom it does not hear of for 10 s it sends the lease
  /// again.
  static constexpr std::chrono::milliseconds kUnhurried{2000};

  /// `soon`: a lease that by its progress ends within that time wants to know what is next; 0: none
  /// does.
  explicit LeaseBook(std::uint32_t slots, std::chrono::milliseconds soon = {})
      : slots_(slots), soon_(soon) {}

  /// `slot` begins with `lease` in the phase fetching.
  void begin(std::uint32_t slot, const std::string& lease, std::int32_t frame = 0);
  /// Phases and progress only move forward; a lease that is not in work is ignored.
  void set_phase(const std::string& lease, wire::LeasePhase phase);
  void set_progress(const std::string& lease, double progress);
  /// The slot is free again; the lease stays listed among the last kRemembered, as reported or as
  /// returned.
  void end(const std::string& lease, bool reported);
  /// In work or lately ended.
  bool knows(const std::string& lease) const;

  std::vector<std::uint32_t> free_slots() const;
  std::vector<wire::LeaseProgressT> leases() const;
  /// What is in work now, for the owner and for who decides how long to wait.
  struct Work {
    std::uint32_t slot = 0;
    std::int32_t frame = 0;
    wire::LeasePhase phase = wire::LeasePhase::fetching;
    float progress = 0;
    std::chrono::steady_clock::time_point began;
    std::chrono::steady_clock::time_point rendering_since;
    bool wants_next = false;
  };
  std::vector<Work> works() const;
  /// As if something worth a heartbeat had happened.
  void nudge();

  /// Returns when something worth a heartbeat has happened since the last call that returned true
  /// (at once for a nearing end and an end, kUnhurried after a begin and a new phase), or at
  /// `until`, or when `stop` is requested. True for the first.
  bool wait_for_change(std::stop_token stop, std::chrono::steady_clock::time_point until);

 private:
  using Entry = Work;
  static constexpr auto kNotDue = std::chrono::steady_clock::time_point::max();

  /// A heartbeat is due within that time.
  void tell_within_locked(std::chrono::milliseconds time);
  bool ends_soon(const Entry& entry) const;

  const std::uint32_t slots_;
  const std::chrono::milliseconds soon_;
  mutable std::mutex mutex_;
  std::condition_variable_any change_;
  std::map<std::string, Entry> working_;                 // by mutex_
  std::deque<std::pair<std::string, Entry>> ended_;      // by mutex_
  std::chrono::steady_clock::time_point due_ = kNotDue;  // of a heartbeat; by mutex_
};

}  // namespace worldshare::agent
