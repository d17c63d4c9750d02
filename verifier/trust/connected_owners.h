#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "shared/pg/connection.h"
#include "shared/result.h"

namespace worldshare::verifier {

/// Whose agents are connected, or were a quarter of an hour ago, and get work: for the choice
/// between audits, replicas and equal results, and whether trusted hardware is asked. One thread;
/// the connection must outlive it.
class ConnectedOwners {
 public:
  /// That there are `enough` is remembered for a few seconds; fewer are looked for each time.
  ConnectedOwners(pg::Connection& connection, unsigned enough)
      : connection_(connection), enough_(enough) {}

  /// All volunteers where they are fewer than enough; nothing where they are not, or where the
  /// dispatcher has noted nobody yet. Errors are those of pg::Connection::exec().
  Result<std::optional<std::vector<std::string>>> few();
  /// Whether one of them is trusted hardware; that is remembered for a few seconds, and looked for
  /// each time while there is none. Errors as few().
  Result<bool> trusted();

 private:
  pg::Connection& connection_;
  unsigned enough_;
  std::chrono::steady_clock::time_point enough_until_{};
  std::chrono::steady_clock::time_point trusted_until_{};
};

}  // namespace worldshare::verifier
