#pragma once

#include <chrono>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "shared/bytes.h"
#include "shared/nats/connection.h"
#include "shared/result.h"

namespace worldshare::nats {

/// A message for a stream. `message_id` and `summary` as in Connection::publish_stored().
struct StoredMessage {
  std::string subject;
  Bytes data;
  std::string message_id;
  std::string summary;
};

/// Publishes many messages to streams at once: all are sent before the first acknowledgement is
/// waited for, so a batch costs one round trip. One thread; must not outlive its Connection.
class StoredPublisher {
 public:
  explicit StoredPublisher(Connection& connection);
  ~StoredPublisher();
  StoredPublisher(StoredPublisher&&) noexcept;
  StoredPublisher& operator=(StoredPublisher&&) = delete;

  /// One answer for each message, in their order: what JetStream said, or kTimeout when it said
  /// nothing within `timeout`, which is for all of them together; then the message may be stored
  /// all the same. Messages of one subject are stored in their order.
  std::vector<Result<PubAck>> publish(std::span<const StoredMessage> messages,
                                      std::chrono::milliseconds timeout);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace worldshare::nats
