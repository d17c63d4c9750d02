#pragma once

#include <chrono>
#include <mutex>

#include "dispatcher/gateway/connection_pool.h"
#include "dispatcher/gateway/recent.h"
#include "shared/messages/messages.h"

namespace worldshare::dispatcher {

/// The key metrics of the last `hours` (at least 1), in 48 steps of time; not from before the first
/// job. Prices are the caller's.
Result<wire::FiguresT> figures_of(pg::Connection& pg, int hours);

/// The same, at most five seconds old, or older by 20 times what counting takes, and
/// counted once however many ask. Thread-safe.
class RecentFigures {
 public:
  Result<wire::FiguresT> get(ConnectionPool& pool, int hours);

 private:
  std::mutex counting_;
  Recent<wire::FiguresT> recent_{std::chrono::seconds(5)};  ///< by hours
};

}  // namespace worldshare::dispatcher
