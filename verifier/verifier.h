#pragma once

#include <atomic>
#include <memory>
#include <stop_token>

#include "shared/clock.h"
#include "shared/nats/connection.h"
#include "shared/nats/pull_consumer.h"
#include "shared/pg/connection.h"
#include "shared/result.h"
#include "verifier/outbox.h"
#include "verifier/trust/judge.h"
#include "verifier/trust/review.h"

namespace worldshare::verifier {

/// What a worker last knew; read by the health page. Thread-safe.
struct WorkerHealth {
  std::atomic<bool> broker = false;
  std::atomic<bool> database = false;
};

/// One worker of the trust engine: takes results from the stream as they wait there, has them
/// judged in one sitting, publishes the verdicts, acknowledges. Any number of them, in any number
/// of processes, share the consumer. One thread; the referenced objects must outlive it.
class Verifier {
 public:
  Verifier(nats::Connection& broker,
           pg::Connection database,
           Evidence& evidence,
           const Clock& clock,
           const JudgeOptions& options);

  /// kNotFound: the stream or its consumer is not there yet.
  Result<> open();
  /// Returns when `stop` is requested. Services may come and go: nothing is acknowledged before it
  /// is in the database, and what is there is published sooner or later.
  void run(std::stop_token stop);
  const WorkerHealth& health() const { return health_; }

 private:
  using Messages = std::vector<nats::Message>;
  Result<> fetch_and_handle(const std::stop_token& stop);
  Result<> handle(const Messages& messages, const std::stop_token& stop);
  void publish(Sitting sitting);
  /// Acknowledges, puts aside or gives back; the error is one that others would meet too.
  Result<> settle(const nats::Message& message, Result<> outcome, bool stopping);
  Result<> reject(const nats::Message& message, const Error& why);
  void adapt_batch(std::size_t size, std::chrono::steady_clock::duration time);
  Result<> sweep();

  nats::Connection& broker_;
  pg::Connection database_;
  const Rules rules_;
  Judge judge_;
  Review review_;
  Outbox outbox_;
  std::unique_ptr<nats::PullConsumer> consumer_;
  int batch_;  ///< results asked for at once
  std::chrono::steady_clock::time_point next_sweep_{};
  std::chrono::steady_clock::time_point next_unheard_{};
  WorkerHealth health_;
};

}  // namespace worldshare::verifier
