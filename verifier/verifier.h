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

namespace worldshare::verifier {

/// What a worker last knew; read by the health page. Thread-safe.
struct WorkerHealth {
  std::atomic<bool> broker = false;
  std::atomic<bool> database = false;
};

/// One worker of the trust engine: takes results from the stream, has them judged, publishes the
/// verdicts. Any number of them, in any number of processes, share the consumer. One thread; the
/// referenced objects must outlive it.
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
  Result<> fetch_and_handle(std::stop_token stop);
  Result<> handle(const nats::Message& message);
  Result<> judge(const nats::Message& message);
  Result<> reject(const nats::Message& message, const Error& why);
  void publish_events(const Judgement& judgement);
  Result<> sweep();

  nats::Connection& broker_;
  pg::Connection database_;
  Judge judge_;
  Outbox outbox_;
  std::unique_ptr<nats::PullConsumer> consumer_;
  std::chrono::steady_clock::time_point next_sweep_{};
  WorkerHealth health_;
};

}  // namespace worldshare::verifier
