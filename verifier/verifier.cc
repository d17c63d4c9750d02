#include "verifier/verifier.h"

#include <spdlog/spdlog.h>

#include <algorithm>

#include "shared/messages/news.h"
#include "shared/signals.h"
#include "verifier/report.h"

namespace worldshare::verifier {
namespace {

// Results that cost nothing are worth a large batch; images take a second for a few.
constexpr int kFewest = 8;
constexpr int kMost = 256;
constexpr std::chrono::milliseconds kLongSitting{1000};
/// How often a sitting says that it is alive; the ack timer is 30 s.
constexpr std::chrono::milliseconds kSignOfLife{5000};
constexpr std::chrono::milliseconds kFetchWait{1000};
constexpr std::chrono::milliseconds kSweepEvery{1000};
/// A worker publishes its own verdicts at once; older ones were left behind by somebody.
constexpr std::chrono::milliseconds kSweepAge{2000};
constexpr std::chrono::milliseconds kUnheardEvery{20'000};
constexpr std::chrono::milliseconds kUnheardAge{60'000};
constexpr std::chrono::milliseconds kRetryDelay{1000};
/// After an error that waiting hardly cures.
constexpr std::chrono::milliseconds kFaultDelay{30'000};

/// The message can never become a verdict, whenever it is tried.
bool is_hopeless(Errc code) {
  return code == Errc::kCorrupt || code == Errc::kDenied || code == Errc::kNotFound ||
         code == Errc::kInvalid;
}

}  // namespace

Verifier::Verifier(nats::Connection& broker,
                   pg::Connection database,
                   Evidence& evidence,
                   const Clock& clock,
                   const JudgeOptions& options)
    : broker_(broker),
      database_(std::move(database)),
      rules_(options.rules),
      judge_(database_, evidence, clock, options),
      review_(database_, rules_),
      outbox_(database_, broker_),
      batch_(kFewest) {}

Result<> Verifier::open() {
  auto consumer = nats::PullConsumer::open(broker_, "RESULTS", "verifiers");
  if (!consumer) return std::unexpected(consumer.error());
  consumer_ = std::make_unique<nats::PullConsumer>(std::move(*consumer));
  return {};
}

void Verifier::run(std::stop_token stop) {
  bool troubled = false;
  while (!stop.stop_requested()) {
    Result<> outcome = sweep();
    if (outcome) outcome = consumer_ ? fetch_and_handle(stop) : open();
    health_.broker = broker_.connected();
    if (!outcome) {
      if (!troubled) spdlog::warn("cannot go on for now reason=\"{}\"", outcome.error().message);
      if (outcome.error().code == Errc::kNotFound) consumer_.reset();
      sleep_unless_stopped(stop, kRetryDelay);
    } else if (troubled) {
      spdlog::info("goes on");
    }
    troubled = !outcome;
  }
}

Result<> Verifier::fetch_and_handle(const std::stop_token& stop) {
  const auto messages = consumer_->fetch(batch_, kFetchWait);
  if (!messages) return std::unexpected(messages.error());
  if (messages->empty()) return {};
  const auto begin = std::chrono::steady_clock::now();
  auto outcome = handle(*messages, stop);
  adapt_batch(messages->size(), std::chrono::steady_clock::now() - begin);
  return outcome;
}

Result<> Verifier::handle(const Messages& messages, const std::stop_token& stop) {
  std::vector<Result<>> outcomes(messages.size());
  std::vector<wire::ResultT> reports;
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < messages.size(); ++i) {
    auto report = open_report(messages[i].subject(), messages[i].data());
    if (!report) {
      outcomes[i] = std::unexpected(report.error());
      continue;
    }
    reports.push_back(std::move(*report));
    places.push_back(i);
  }
  auto alive_at = std::chrono::steady_clock::now();
  Sitting sitting = judge_.judge(reports, [&] {
    const auto now = std::chrono::steady_clock::now();
    if (now - alive_at >= kSignOfLife) {
      for (const auto& message : messages) (void)consumer_->in_progress(message);
      alive_at = now;
    }
    return !stop.stop_requested();
  });
  for (std::size_t i = 0; i < places.size(); ++i) outcomes[places[i]] = sitting.outcomes[i];
  publish(std::move(sitting));
  Result<> worst;
  for (std::size_t i = 0; i < messages.size(); ++i) {
    if (auto ok = settle(messages[i], outcomes[i], stop.stop_requested()); !ok) worst = ok;
  }
  return worst;
}

void Verifier::publish(Sitting sitting) {
  if (auto ok = outbox_.publish(sitting.verdicts); !ok) {
    spdlog::warn("verdicts wait count={} reason=\"{}\"", sitting.verdicts.size(),
                 ok.error().message);
  }
  for (const auto& event : messages::few_of_many(std::move(sitting.events))) {
    const std::string subject = "events." + event.job + "." + wire::EnumNameEventKind(event.kind);
    if (auto ok = broker_.publish(subject, messages::encode(event)); !ok) {
      spdlog::debug("event lost subject={} reason=\"{}\"", subject, ok.error().message);
    }
  }
}

Result<> Verifier::settle(const nats::Message& message, Result<> outcome, bool stopping) {
  if (!outcome && is_hopeless(outcome.error().code)) outcome = reject(message, outcome.error());
  if (outcome) return consumer_->ack(message);
  const bool retryable = is_retryable(outcome.error().code);
  if (!retryable) {
    spdlog::error("result cannot be judged subject={} reason=\"{}\"", message.subject(),
                  outcome.error().message);
  }
  // Best effort: otherwise the ack timer gives it to somebody else.
  const auto pause = retryable ? kRetryDelay : kFaultDelay;
  (void)consumer_->nak(message, stopping ? std::chrono::milliseconds(0) : pause);
  return retryable && !stopping ? outcome : Result<>{};
}

void Verifier::adapt_batch(std::size_t size, std::chrono::steady_clock::duration time) {
  if (time > kLongSitting) {
    batch_ = std::max(kFewest, batch_ / 2);
  } else if (static_cast<int>(size) == batch_ && time < kLongSitting / 2) {
    batch_ = std::min(kMost, batch_ * 2);
  }
}

Result<> Verifier::reject(const nats::Message& message, const Error& why) {
  spdlog::warn("result put aside subject={} reason=\"{}\"", message.subject(), why.message);
  const nats::Headers headers{{"Reason", why.message}, {"Subject", std::string(message.subject())}};
  return broker_.publish("dlq.results", message.data(), headers);
}

Result<> Verifier::sweep() {
  const auto now = std::chrono::steady_clock::now();
  if (now < next_sweep_) return {};
  const bool first = next_sweep_ == std::chrono::steady_clock::time_point{};
  next_sweep_ = now + kSweepEvery;
  const auto published = outbox_.publish_waiting(first ? std::chrono::milliseconds(0) : kSweepAge);
  health_.database = published.has_value();
  if (!published) return std::unexpected(published.error());
  if (now >= next_unheard_) {
    next_unheard_ = now + kUnheardEvery;
    if (auto ok = outbox_.publish_unheard(kUnheardAge); !ok) return ok;
  }
  const auto reviewed = review_.run();
  // Another verifier's transaction was in the way: the next sweep finds what is left.
  if (!reviewed && reviewed.error().code != Errc::kConflict)
    return std::unexpected(reviewed.error());
  // Results are judged in between.
  if (reviewed && *reviewed) next_sweep_ = now;
  return {};
}

}  // namespace worldshare::verifier
