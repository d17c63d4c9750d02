#include "dispatcher/dispatcher.h"
#include "shared/log.h"
#include "shared/nats/pull_consumer.h"
#include "shared/signals.h"

// The threads that bring the loop its news.

namespace worldshare::dispatcher {
namespace {

using namespace std::chrono_literals;

constexpr auto kFeedRetry = 500ms;

constexpr int kBatch = 512;

/// Pulls batches from a durable until `stop`; `handle` gives one outcome for each message.
template <class Handle>
void pull(nats::Connection& nats,
          const char* stream,
          const char* durable,
          std::stop_token stop,
          Handle handle) {
  while (!stop.stop_requested()) {
    auto consumer = nats::PullConsumer::open(nats, stream, durable);
    while (consumer && !stop.stop_requested()) {
      auto messages = consumer->fetch(kBatch, 500ms);
      if (!messages) break;
      if (messages->empty()) continue;
      const std::vector<Result<>> outcomes = handle(*messages);
      for (std::size_t i = 0; i < messages->size(); ++i) {
        if (!outcomes[i]) {
          spdlog::warn("message set back stream={} error=\"{}\"", stream,
                       outcomes[i].error().message);
        }
        (void)nats::settle(*consumer, (*messages)[i], outcomes[i], kFeedRetry);
      }
    }
    sleep_unless_stopped(stop, kFeedRetry);
  }
}

using Answers = std::vector<Result<>>;

/// Waits for the loop's answer; a loop that was left in between never gives one.
Answers answer_of(std::future<Answers> answer, std::size_t count, std::stop_token stop) {
  while (answer.wait_for(100ms) != std::future_status::ready) {
    if (stop.stop_requested())
      return Answers(count, fail(Errc::kUnavailable, "the economy starts over"));
  }
  return answer.get();
}

/// $JS.ACK.<stream>.<consumer>.<deliveries>...: whether it was delivered before.
bool is_redelivery(const nats::Message& message) {
  std::string_view rest = message.reply();
  for (int token = 0; token < 4; ++token)
    rest.remove_prefix(std::min(rest.find('.') + 1, rest.size()));
  return !rest.starts_with("1.");
}

/// Decodes a batch; what cannot be read gets its error at once, the others `answers` in their
/// order.
template <class Table>
struct Batch {
  explicit Batch(const std::vector<nats::Message>& messages) {
    for (const auto& message : messages) {
      auto decoded = messages::decode<Table>(message.data());
      outcomes.push_back(decoded ? Result<>() : std::unexpected(decoded.error()));
      if (decoded) items.push_back(std::move(*decoded));
      redelivered += is_redelivery(message) ? 1 : 0;
    }
  }
  Answers merged(Answers answers) {
    auto next = answers.begin();
    for (auto& outcome : outcomes) {
      if (outcome) outcome = std::move(*next++);
    }
    return std::move(outcomes);
  }

  std::vector<typename Table::NativeTableType> items;
  Answers outcomes;
  std::uint64_t redelivered = 0;
};

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
      inbox_.push({std::move(*state)}, stop);
    }
    sleep_unless_stopped(stop, kFeedRetry);
  }
}

void Dispatcher::feed_verdicts(std::stop_token stop) {
  pull(parts_.nats, "VERDICTS", "dispatcher", stop, [&](const auto& messages) {
    Batch<wire::Verdict> batch(messages);
    redelivered_ += batch.redelivered;
    const std::size_t count = batch.items.size();
    auto done = std::make_shared<std::promise<Answers>>();
    auto answer = done->get_future();
    if (count > 0) inbox_.push({VerdictNotice{std::move(batch.items), done}}, stop);
    return batch.merged(count > 0 ? answer_of(std::move(answer), count, stop) : Answers());
  });
}

void Dispatcher::feed_control(std::stop_token stop) {
  pull(parts_.nats, "JOBS", "dispatcher", stop, [&](const auto& messages) {
    Batch<wire::Event> batch(messages);
    redelivered_ += batch.redelivered;
    const std::size_t count = batch.items.size();
    auto done = std::make_shared<std::promise<Answers>>();
    auto answer = done->get_future();
    if (count > 0) inbox_.push({ControlNotice{std::move(batch.items), done}}, stop);
    return batch.merged(count > 0 ? answer_of(std::move(answer), count, stop) : Answers());
  });
}

}  // namespace worldshare::dispatcher
