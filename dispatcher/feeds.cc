#include <algorithm>
#include <iterator>

#include "dispatcher/dispatcher.h"
#include "shared/log.h"
#include "shared/messages/verdicts.h"
#include "shared/nats/pull_consumer.h"
#include "shared/signals.h"

// The threads that bring the loop its news.

namespace worldshare::dispatcher {
namespace {

using namespace std::chrono_literals;

constexpr auto kFeedRetry = 500ms;

constexpr int kBatch = 512;
/// Messages of up to 64 verdicts each; all verdicts of a pull are written in one transaction.
constexpr int kVerdictBatch = 32;

/// Pulls batches from a durable until `stop`; `handle` gives one outcome for each message.
template <class Handle>
void pull(nats::Connection& nats,
          const char* stream,
          const char* durable,
          int most,
          std::stop_token stop,
          Handle handle) {
  while (!stop.stop_requested()) {
    auto consumer = nats::PullConsumer::open(nats, stream, durable);
    while (consumer && !stop.stop_requested()) {
      auto messages = consumer->fetch(most, 500ms);
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

/// What a batch of messages holds: what cannot be read gets its error at once, the others the
/// answers to their items.
template <class Item>
struct Batch {
  template <class Decode>
  Batch(const std::vector<nats::Message>& messages, Decode decode) {
    for (const auto& message : messages) {
      Result<std::vector<Item>> decoded = decode(message.data());
      outcomes.push_back(decoded ? Result<>() : std::unexpected(decoded.error()));
      sizes.push_back(decoded ? decoded->size() : 0);
      if (decoded) std::ranges::move(*decoded, std::back_inserter(items));
      redelivered += is_redelivery(message) ? 1 : 0;
    }
  }
  /// One error that may pass gives the whole message back; the loop knows what it has heard before.
  Answers merged(const Answers& answers) {
    auto next = answers.begin();
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
      for (std::size_t n = 0; n < sizes[i]; ++n, ++next) {
        if (!*next && (outcomes[i] || is_retryable(next->error().code))) outcomes[i] = *next;
      }
    }
    return std::move(outcomes);
  }

  std::vector<Item> items;
  std::vector<std::size_t> sizes;  ///< by message: its items
  Answers outcomes;                ///< by message
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
      auto state = messages::decode<wire::AgentStateT>((*message)->data());
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
  pull(parts_.nats, "VERDICTS", "dispatcher", kVerdictBatch, stop, [&](const auto& messages) {
    Batch<wire::VerdictT> batch(messages, messages::unpack_verdicts);
    redelivered_ += batch.redelivered;
    const std::size_t count = batch.items.size();
    auto done = std::make_shared<std::promise<Answers>>();
    auto answer = done->get_future();
    if (count > 0) inbox_.push({VerdictNotice{std::move(batch.items), done}}, stop);
    return batch.merged(count > 0 ? answer_of(std::move(answer), count, stop) : Answers());
  });
}

void Dispatcher::feed_control(std::stop_token stop) {
  const auto decode = [](ByteView data) -> Result<std::vector<wire::EventT>> {
    auto event = messages::decode<wire::EventT>(data);
    if (!event) return std::unexpected(event.error());
    return std::vector<wire::EventT>{std::move(*event)};
  };
  pull(parts_.nats, "JOBS", "dispatcher", kBatch, stop, [&](const auto& messages) {
    Batch<wire::EventT> batch(messages, decode);
    redelivered_ += batch.redelivered;
    const std::size_t count = batch.items.size();
    auto done = std::make_shared<std::promise<Answers>>();
    auto answer = done->get_future();
    if (count > 0) inbox_.push({ControlNotice{std::move(batch.items), done}}, stop);
    return batch.merged(count > 0 ? answer_of(std::move(answer), count, stop) : Answers());
  });
}

}  // namespace worldshare::dispatcher
