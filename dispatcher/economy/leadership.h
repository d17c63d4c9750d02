#pragma once

#include <cstdint>
#include <string>

#include "shared/pg/connection.h"
#include "shared/result.h"

namespace worldshare::dispatcher {

/// Who leads: an advisory lock that ends with the session, and an epoch that grows with every
/// leader. A leader whose session was cut does not notice at once; its transactions then find a
/// newer epoch and write nothing. One thread, that of the connection.
class Leadership {
 public:
  explicit Leadership(pg::Connection& connection) : connection_(&connection) {}

  /// Takes the lock without waiting, and a new epoch; false: another dispatcher leads. `name` is
  /// for people.
  Result<bool> take(const std::string& name);
  std::uint64_t epoch() const { return epoch_; }
  /// A transaction that only the leader can begin; until it ends no other leader can come up.
  /// kUnavailable when this one was deposed.
  Result<pg::Transaction> begin();

 private:
  pg::Connection* connection_;
  std::uint64_t epoch_ = 0;
};

}  // namespace worldshare::dispatcher
