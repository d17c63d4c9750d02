#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "shared/nats/connection.h"

namespace worldshare::nats {

/// Publishes that JetStream is to store, without waiting for each one's answer: a thread of its own
/// reads the answers and counts what was refused or not answered in time. For messages that are
/// sent again anyhow when they were not needed in vain. publish() is thread-safe; must not outlive
/// the Connection.
class BackgroundPublisher {
 public:
  struct Counts {
    std::uint64_t stored = 0;
    std::uint64_t refused = 0;  ///< JetStream said no: its storage is full, for example
    std::uint64_t unanswered = 0;
    std::uint64_t pending = 0;
  };

  /// An answer that takes longer than `patience` does not come.
  static Result<std::unique_ptr<BackgroundPublisher>> open(Connection& connection,
                                                           std::chrono::milliseconds patience);
  ~BackgroundPublisher();

  /// kUnavailable at once while the connection is down. `message_id` and `summary` as in
  /// Connection::publish_stored.
  Result<> publish(const std::string& subject,
                   ByteView data,
                   const std::string& message_id,
                   const std::string& summary);
  Counts counts() const;

 private:
  BackgroundPublisher();
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace worldshare::nats
