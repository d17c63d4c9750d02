#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "shared/nats/connection.h"

namespace worldshare::nats {

/// Pulls from a durable consumer by the raw protocol (ADR-13): nats.c 3.4.1's own Fetch overflows
/// its buffer with leftovers. One thread at a time; must not outlive the Connection.
class PullConsumer {
 public:
  /// Does not create the durable: provisioning does (streams.yaml). kNotFound when the broker says
  /// that there is none.
  static Result<PullConsumer> open(Connection& connection,
                                   const std::string& stream,
                                   const std::string& durable);
  PullConsumer(PullConsumer&&) noexcept;
  PullConsumer& operator=(PullConsumer&&) noexcept;
  ~PullConsumer();

  /// Up to `batch` messages, waiting at most `timeout` for the first; an empty vector when none
  /// came. Pulls that a reconnect lost are asked for again by the next call. Messages that arrive
  /// after a call gave up are returned by the next one.
  Result<std::vector<Message>> fetch(int batch, std::chrono::milliseconds timeout);
  /// Handled: never delivered again. Without confirmation: a lost ack means a redelivery, so
  /// handling is idempotent.
  Result<> ack(const Message& message);
  /// Deliver again after `delay`.
  Result<> nak(const Message& message, std::chrono::milliseconds delay);
  /// Never deliver again although it was not handled.
  Result<> term(const Message& message);
  /// Still working: restarts the ack timer.
  Result<> in_progress(const Message& message);

 private:
  PullConsumer();
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// What a handler's outcome means for the message: ok → ack, retryable → nak after `delay`,
/// otherwise term.
Result<> settle(PullConsumer& consumer,
                const Message& message,
                const Result<>& outcome,
                std::chrono::milliseconds delay);

}  // namespace worldshare::nats
