#include "dispatcher/economy/leadership.h"

namespace worldshare::dispatcher {
namespace {

// Advisory locks with negative keys are the services' own; units use their positive ids.
constexpr const char* kTryLock = "select pg_try_advisory_lock(-1001)";
// Waits for the transactions of the leader before: they hold the row by `for share`.
constexpr const char* kNextEpoch =
    "update leadership set epoch = epoch + 1, leader = $1, since = now() returning epoch";
// A leader that stands still within a transaction must not keep the next one waiting.
constexpr const char* kPatience = "set idle_in_transaction_session_timeout = '4s'";
constexpr const char* kFence = "select 1 from leadership where epoch = $1 for share";

}  // namespace

Result<bool> Leadership::take(const std::string& name) {
  auto locked = connection_->exec(kTryLock);
  if (!locked) return std::unexpected(locked.error());
  if (!locked->boolean(0, 0)) return false;
  if (auto set = connection_->exec(kPatience); !set) return std::unexpected(set.error());
  auto rows = connection_->exec(kNextEpoch, {name});
  if (!rows) return std::unexpected(rows.error());
  epoch_ = static_cast<std::uint64_t>(rows->integer(0, 0));
  return true;
}

Result<pg::Transaction> Leadership::begin() {
  auto transaction = pg::Transaction::begin(*connection_);
  if (!transaction) return transaction;
  auto rows = transaction->exec(kFence, {epoch_});
  if (!rows) return std::unexpected(rows.error());
  if (rows->empty()) return fail(Errc::kUnavailable, "another dispatcher leads now");
  return transaction;
}

}  // namespace worldshare::dispatcher
