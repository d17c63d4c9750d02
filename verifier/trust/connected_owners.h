#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "shared/pg/connection.h"
#include "shared/result.h"

namespace worldshare::verifier {

/// Whose agents are connected, or were a quarter of an hour ago, and get work: for the choice
/// between audits, replicas and equal results. One thread; the connection must outlive it.
class ConnectedOwners {
 public:
  /// That there are `enough` is remembered for a few seconds; fewer are looked for each time.
  ConnectedOwners(pg::Connection& connection, unsigned enough)
      : connection_(connection), enough_(enough) {}

  /// All of them where they are fewer than enough; nothing where they are not, or where the
  /// dispatcher has noted nobody yet. Errors are those of pg::Connection::exec().
  Result<std::optional<std::vector<std::string>>> few();

 private:
  pg::Connection& connection_;
  unsigned enough_;
  std::chrono::steady_clock::time_point enough_until_{};
};

}  // namespace worldshare::verifier
