#include "dispatcher/gateway/leaderboard.h"

#include "dispatcher/gateway/row_reader.h"

namespace worldshare::dispatcher {
namespace {

// More may be taken back within the time than was earned in it: nothing is shown of that.
constexpr const char* kLeaders = R"(
  with by_job as (
    select owner, job, sum(case kind when 'earned' then 1 else -1 end) as results, sum(amount_ms) as ms
      from postings
     where posted_at > coalesce(now() - $1::int * interval '1 day', '-infinity')
     group by owner, job),
  by_owner as (
    select owner, sum(results) as results, sum(ms) as ms, count(*) filter (where results > 0) as jobs
      from by_job group by owner),
  seen as (
    select *, ms > 0 and owner not in (select t.owner from trust t where t.state <> 'active') as shown from by_owner)
  select case when shown then rank() over (partition by shown order by ms desc) else 0 end, owner, results, ms / 1000.0, jobs
    from seen order by shown desc, ms desc, owner)";

wire::LeaderLineT read_leader(RowReader& row) {
  wire::LeaderLineT line;
  line.rank = row.count();
  line.owner = row.text();
  line.results = static_cast<std::int32_t>(row.integer());
  line.seconds = row.real();
  line.jobs = row.count();
  return line;
}

}  // namespace

Result<Leaderboard> leaderboard_of(pg::Connection& pg, int days) {
  const auto rows = pg.exec(kLeaders, {days == 0 ? pg::Param(std::nullopt) : pg::Param(days)});
  if (!rows) return std::unexpected(rows.error());
  Leaderboard board;
  for (int i = 0; i < rows->size(); ++i) {
    RowReader row(*rows, i);
    board.lines.push_back(read_leader(row));
    board.places.emplace(board.lines.back().owner, board.lines.size() - 1);
  }
  return board;
}

wire::LeaderboardT leaderboard_reply(const Leaderboard& board,
                                     int limit,
                                     const std::string& owner) {
  wire::LeaderboardT reply;
  for (const auto& line : board.lines) {
    if (line.rank == 0 || std::ssize(reply.leaders) == limit) break;
    reply.leaders.push_back(std::make_unique<wire::LeaderLineT>(line));
  }
  if (owner.empty()) return reply;
  reply.you = std::make_unique<wire::LeaderLineT>();
  reply.you->owner = owner;
  const auto place = board.places.find(owner);
  if (place != board.places.end()) *reply.you = board.lines[place->second];
  return reply;
}

Result<RecentLeaderboards::Shared> RecentLeaderboards::get(ConnectionPool& pool, int days) {
  const std::string name = std::to_string(days);
  if (auto known = recent_.find(name)) return std::move(*known);
  const std::lock_guard lock(counting_);
  if (auto known = recent_.find(name)) return std::move(*known);
  const auto began = std::chrono::steady_clock::now();
  auto pg = pool.borrow();
  if (!pg) return std::unexpected(pg.error());
  auto board = leaderboard_of(**pg, days);
  if (!board) return std::unexpected(board.error());
  auto shared = std::make_shared<const Leaderboard>(std::move(*board));
  recent_.keep(name, shared, began);
  return shared;
}

}  // namespace worldshare::dispatcher
