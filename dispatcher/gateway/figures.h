#pragma once

#include <chrono>
#include <map>
#include <mutex>

#include "dispatcher/gateway/connection_pool.h"
#include "shared/messages/messages.h"

namespace worldshare::dispatcher {

/// The key metrics of the last `hours` (at least 1), in 48 steps of time; not from before the first
/// job. Prices are the caller's.
Result<wire::FiguresT> figures_of(pg::Connection& pg, int hours);

/// The same, counted anew every five seconds at most, and once however many ask. Thread-safe.
class RecentFigures {
 public:
  Result<wire::FiguresT> get(ConnectionPool& pool, int hours);

 private:
  struct Counted {
    wire::FiguresT figures;
    std::chrono::steady_clock::time_point at;
  };
  std::mutex mutex_;
  std::map<int, Counted> counted_;  ///< by hours; guarded by mutex_
};

}  // namespace worldshare::dispatcher
