#include "dispatcher/dispatcher.h"
#include "shared/log.h"
#include "shared/nats/pull_consumer.h"
#include "shared/signals.h"

// The threads that bring the loop its news.

namespace worldshare::dispatcher {
namespace {

using namespace std::chrono_literals;

constexpr auto kRetry = 500ms;

/// Pulls from a durable until `stop`; `handle` decides what becomes of each message.
template <class Handle>
void pull(nats::Connection& nats,
          const char* stream,
          const char* durable,
          std::stop_token stop,
          Handle handle) {
  while (!stop.stop_requested()) {
    auto consumer = nats::PullConsumer::open(nats, stream, durable);
    while (consumer && !stop.stop_requested()) {
      auto messages = consumer->fetch(64, 500ms);
      if (!messages) break;
      for (const auto& message : *messages) {
        const Result<> outcome = handle(message);
        if (!outcome)
          spdlog::warn("message set back stream={} error=\"{}\"", stream, outcome.error().message);
        (void)nats::settle(*consumer, message, outcome, kRetry);
      }
    }
    sleep_unless_stopped(stop, kRetry);
  }
}

/// Waits for the loop's answer; a loop that was left in between never gives one.
Result<> answer_of(std::future<Result<>> answer, std::stop_token stop) {
  while (answer.wait_for(100ms) != std::future_status::ready) {
    if (stop.stop_requested()) return fail(Errc::kUnavailable, "the economy starts over");
  }
  return answer.get();
}

}  // namespace

void Dispatcher::feed_heartbeats(std::stop_token stop) {
  while (!stop.stop_requested()) {
    auto subscription = parts_.nats.subscribe("hb.*");
    while (subscription && !stop.stop_requested()) {
      auto message = subscription->next(200ms);
      if (!message) break;
      if (!*message) continue;
      auto state = messages::decode<wire::AgentState>((*message)->data());
      // The subject is what the broker vouches for.
      if (!state || "hb." + state->agent != (*message)->subject()) {
        spdlog::warn("heartbeat refused subject={}", (*message)->subject());
        continue;
      }
      inbox_.push(std::move(*state), stop);
    }
    sleep_unless_stopped(stop, kRetry);
  }
}

void Dispatcher::feed_verdicts(std::stop_token stop) {
  pull(parts_.nats, "VERDICTS", "dispatcher", stop, [&](const nats::Message& message) -> Result<> {
    auto verdict = messages::decode<wire::Verdict>(message.data());
    if (!verdict) return std::unexpected(verdict.error());
    auto done = std::make_shared<std::promise<Result<>>>();
    auto answer = done->get_future();
    inbox_.push(VerdictNotice{std::move(*verdict), done}, stop);
    return answer_of(std::move(answer), stop);
  });
}

void Dispatcher::feed_jobs(std::stop_token stop) {
  pull(parts_.nats, "JOBS", "dispatcher", stop, [&](const nats::Message&) -> Result<> {
    auto done = std::make_shared<std::promise<Result<>>>();
    auto answer = done->get_future();
    inbox_.push(JobNotice{done}, stop);
    return answer_of(std::move(answer), stop);
  });
}

}  // namespace worldshare::dispatcher
