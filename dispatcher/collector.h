#pragma once

#include <chrono>
#include <stop_token>
#include <string>

#include "dispatcher/board.h"
#include "dispatcher/config.h"
#include "shared/blobs/store.h"
#include "shared/clock.h"
#include "shared/pg/connection.h"
#include "shared/result.h"

namespace worldshare::dispatcher {

/// Removes blobs that no row refers to (scenes, results, outputs, commitments of the last 30 days,
/// uploads within the grace time) and that are older than that, and what broken uploads left. Only
/// where the board says that this dispatcher leads. A row that is written meanwhile keeps its blob,
/// or its writer finds that it is gone: shared/blobs/reference_lock.h. One thread.
class Collector {
 public:
  Collector(
      const Config& config, pg::Connection pg, blobs::Store store, const Clock& clock, Board& board)
      : config_(config),
        pg_(std::move(pg)),
        store_(std::move(store)),
        clock_(clock),
        board_(board) {}

  void run(std::stop_token stop);
  /// Looks at the next blobs in the order of their names; true when there was none left.
  Result<bool> look_on();

 private:
  Result<> remove(const std::vector<std::string>& names);
  Result<> drop_leftovers();

  const Config& config_;
  pg::Connection pg_;
  blobs::Store store_;
  const Clock& clock_;
  Board& board_;
  std::string after_;  ///< the name that was looked at last
  std::chrono::steady_clock::time_point leftovers_due_{};
};

}  // namespace worldshare::dispatcher
