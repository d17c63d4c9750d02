#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "dispatcher/gateway/connection_pool.h"
#include "dispatcher/gateway/recent.h"
#include "shared/messages/messages.h"

namespace worldshare::dispatcher {

/// What owners were credited in some time.
struct Leaderboard {
  std::vector<wire::LeaderLineT> lines;  ///< by rank, behind them whoever is not shown (rank 0)
  std::map<std::string, std::size_t> places;  ///< an owner's in `lines`
};

/// Of the last `days`; 0: since ever.
Result<Leaderboard> leaderboard_of(pg::Connection& pg, int days);

/// The first `limit` lines, and `owner`'s own wherever it stands; nobody's where it is empty.
wire::LeaderboardT leaderboard_reply(const Leaderboard& board, int limit, const std::string& owner);

/// Leaderboards, at most five seconds old, or older by 20 times what counting takes, and
/// counted once however many ask. Thread-safe.
class RecentLeaderboards {
 public:
  using Shared = std::shared_ptr<const Leaderboard>;
  Result<Shared> get(ConnectionPool& pool, int days);

 private:
  static constexpr std::size_t kMost = 32;
  std::mutex counting_;
  Recent<Shared> recent_{std::chrono::seconds(5), kMost};  ///< by days
};

}  // namespace worldshare::dispatcher
