#pragma once

#include <chrono>
#include <string>

#include "shared/nats/connection.h"
#include "shared/pg/connection.h"
#include "shared/result.h"

namespace worldshare::verifier {

/// Publishes verdicts that are in the database and not yet in the stream VERDICTS. A verdict may be
/// published twice, with one message id. One thread; the connections must outlive it.
class Outbox {
 public:
  Outbox(pg::Connection& database, nats::Connection& broker);

  /// That lease's verdict, if there is an unpublished one.
  Result<> publish(const std::string& lease);
  /// All that have waited longer than `age`. Stops at the first that fails.
  Result<int> publish_waiting(std::chrono::milliseconds age);

 private:
  Result<int> publish_rows(const pg::Rows& rows);
  pg::Connection& database_;
  nats::Connection& broker_;
};

}  // namespace worldshare::verifier
