#pragma once

#include <chrono>
#include <span>
#include <vector>

#include "shared/messages/verdicts.h"
#include "shared/nats/connection.h"
#include "shared/nats/stored_publisher.h"
#include "shared/pg/connection.h"
#include "shared/result.h"

namespace worldshare::verifier {

/// Publishes verdicts that are in the database and not yet in the stream VERDICTS. A verdict may be
/// published twice. One thread; the connections must outlive it.
class Outbox {
 public:
  Outbox(pg::Connection& database, nats::Connection& broker);

  /// Verdicts that were committed just now, all at once. An error when not all are in the stream;
  /// the others are marked all the same.
  Result<> publish(const std::vector<wire::VerdictT>& verdicts);
  /// All that have waited longer than `age`. Stops when the stream does not take some.
  Result<> publish_waiting(std::chrono::milliseconds age);
  /// Those published longer ago than `age` that the dispatcher has not taken in although their unit
  /// is open: lost with the broker's disk, or still in the stream. Each alone, so that the stream
  /// drops what it was given so before.
  Result<> publish_unheard(std::chrono::milliseconds age);

 private:
  using Parcels = std::vector<messages::VerdictParcel>;
  using Pack = Parcels (*)(std::span<const wire::VerdictT>);
  Result<> send(std::span<const wire::VerdictT> verdicts, Parcels parcels);
  Result<> publish_those(const char* query, std::chrono::milliseconds age, Pack pack);

  pg::Connection& database_;
  nats::StoredPublisher publisher_;
};

}  // namespace worldshare::verifier
