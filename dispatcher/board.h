#pragma once

#include <array>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <utility>

#include "dispatcher/economy/economy.h"
#include "shared/nats/background_publisher.h"

namespace worldshare::dispatcher {

/// Counts by upper bound, as Prometheus wants them.
struct Histogram {
  static constexpr std::array<double, 12> kBounds = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
                                                     0.1,   0.25,   0.5,   1,    2.5,   10};
  std::array<std::uint64_t, kBounds.size()> at_most{};
  std::uint64_t count = 0;
  double sum = 0;

  void add(double value) {
    for (std::size_t i = 0; i < kBounds.size(); ++i) at_most[i] += value <= kBounds[i] ? 1 : 0;
    ++count;
    sum += value;
  }
};

/// How the economy stands, for metrics.
struct Figures {
  EconomyCounters economy;
  Economy::Depths depths;
  nats::BackgroundPublisher::Counts mailboxes;
  Histogram dispatch_seconds;  ///< from the news that freed a seat to the assignment's publish
  std::uint64_t units_accepted = 0;
  std::uint64_t units_failed = 0;
  std::uint64_t verdicts = 0;
  std::uint64_t redelivered = 0;
  std::uint64_t leases = 0;
  std::uint64_t open_units = 0;
  double lease_age_median_seconds = 0;
  double lease_age_oldest_seconds = 0;
  double outbox_lag_seconds = 0;  ///< of verdicts that the verifiers have not published
  std::uint64_t epoch = 0;
};

/// What was removed of the blob store, by this process.
struct Collected {
  std::uint64_t blobs = 0;
  std::uint64_t bytes = 0;
  std::uint64_t leftovers = 0;  ///< of uploads that nobody finished
  std::uint64_t sweeps = 0;     ///< times that all blobs were looked at
  std::uint64_t failures = 0;
};

/// What the economy's thread and the gateway's threads tell each other. Thread-safe.
class Board {
 public:
  struct Notice {
    bool leader = false;
    unsigned nodes_online = 0;
    unsigned trusted_owners = 0;  ///< whose nodes are trusted hardware
    Figures figures;
  };

  void post(Notice notice) {
    const std::lock_guard lock(mutex_);
    notice_ = std::move(notice);
    if (!notice_.leader) answers_.clear();
    answered_.notify_all();
  }
  Notice read() const {
    const std::lock_guard lock(mutex_);
    return notice_;
  }
  bool leads() const {
    const std::lock_guard lock(mutex_);
    return notice_.leader;
  }

  void add(const Collected& more) {
    const std::lock_guard lock(mutex_);
    collected_.blobs += more.blobs;
    collected_.bytes += more.bytes;
    collected_.leftovers += more.leftovers;
    collected_.sweeps += more.sweeps;
    collected_.failures += more.failures;
  }
  Collected collected() const {
    const std::lock_guard lock(mutex_);
    return collected_;
  }

  /// Why a job waits, as the economy said within the last second or says within `patience`; empty
  /// when it does not wait, and from a dispatcher that does not lead.
  std::string why_waiting(const std::string& job, std::chrono::milliseconds patience) {
    std::unique_lock lock(mutex_);
    if (!notice_.leader) return {};
    const auto oldest = std::chrono::steady_clock::now() - kAnswerLife;
    const auto answered = [&] {
      const auto answer = answers_.find(job);
      return answer != answers_.end() && answer->second.at >= oldest;
    };
    if (!answered()) {
      questions_.insert(job);
      if (ring_) ring_();
      answered_.wait_for(lock, patience, [&] { return answered() || !notice_.leader; });
    }
    const auto answer = answers_.find(job);
    return answer == answers_.end() ? std::string() : answer->second.text;
  }
  /// `ring` is called by whoever asks, under the board's lock, until another one is given.
  void on_question(std::function<void()> ring) {
    const std::lock_guard lock(mutex_);
    ring_ = std::move(ring);
  }
  std::set<std::string> take_questions() {
    const std::lock_guard lock(mutex_);
    return std::exchange(questions_, {});
  }
  void answer(const std::map<std::string, std::string>& answers) {
    const std::lock_guard lock(mutex_);
    const auto now = std::chrono::steady_clock::now();
    std::erase_if(answers_, [&](const auto& one) { return one.second.at < now - kAnswerLife; });
    for (const auto& [job, text] : answers) answers_[job] = {text, now};
    answered_.notify_all();
  }

 private:
  static constexpr std::chrono::seconds kAnswerLife{1};
  struct Answer {
    std::string text;
    std::chrono::steady_clock::time_point at;
  };
  mutable std::mutex mutex_;
  std::condition_variable answered_;
  Notice notice_;                          // guarded by mutex_
  Collected collected_;                    // guarded by mutex_
  std::set<std::string> questions_;        // guarded by mutex_
  std::map<std::string, Answer> answers_;  // guarded by mutex_
  std::function<void()> ring_;             // guarded by mutex_
};

}  // namespace worldshare::dispatcher
