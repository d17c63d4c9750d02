#include "verifier/verifier.h"

#include <spdlog/spdlog.h>

#include "shared/signals.h"
#include "verifier/report.h"

namespace worldshare::verifier {
namespace {

constexpr int kBatch = 8;
constexpr std::chrono::milliseconds kFetchWait{1000};
constexpr std::chrono::milliseconds kSweepEvery{1000};
/// A worker publishes its own verdicts at once; older ones were left behind by somebody.
constexpr std::chrono::milliseconds kSweepAge{2000};
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
      judge_(database_, evidence, clock, options),
      outbox_(database_, broker_) {}

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

Result<> Verifier::fetch_and_handle(std::stop_token stop) {
  const auto messages = consumer_->fetch(kBatch, kFetchWait);
  if (!messages) return std::unexpected(messages.error());
  Result<> outcome;
  for (const auto& message : *messages) {
    if (stop.stop_requested()) {
      // Best effort: otherwise the ack timer gives it to somebody else.
      (void)consumer_->nak(message, std::chrono::milliseconds(0));
      continue;
    }
    (void)consumer_->in_progress(message);  // earlier ones of the batch may have taken long
    if (auto ok = handle(message); !ok) outcome = ok;
  }
  return outcome;
}

Result<> Verifier::handle(const nats::Message& message) {
  auto outcome = judge(message);
  if (!outcome && is_hopeless(outcome.error().code)) outcome = reject(message, outcome.error());
  if (outcome) return consumer_->ack(message);
  const bool retryable = is_retryable(outcome.error().code);
  if (!retryable) {
    spdlog::error("result cannot be judged subject={} reason=\"{}\"", message.subject(),
                  outcome.error().message);
  }
  (void)consumer_->nak(message, retryable ? kRetryDelay : kFaultDelay);
  return retryable ? outcome : Result<>{};
}

Result<> Verifier::judge(const nats::Message& message) {
  const auto report = open_report(message.subject(), message.data());
  if (!report) return std::unexpected(report.error());
  const auto judgement = judge_.judge(*report);
  if (!judgement) return std::unexpected(judgement.error());
  spdlog::debug("result judged agent={} lease={} duplicate={}", report->agent, report->lease,
                judgement->duplicate);
  if (auto ok = outbox_.publish(report->lease); !ok) {
    spdlog::warn("verdict waits lease={} reason=\"{}\"", report->lease, ok.error().message);
  }
  publish_events(*judgement);
  return {};
}

Result<> Verifier::reject(const nats::Message& message, const Error& why) {
  spdlog::warn("result put aside subject={} reason=\"{}\"", message.subject(), why.message);
  const nats::Headers headers{{"Reason", why.message}, {"Subject", std::string(message.subject())}};
  return broker_.publish("dlq.results", message.data(), headers);
}

void Verifier::publish_events(const Judgement& judgement) {
  for (const auto& event : judgement.events) {
    const std::string subject = "events." + event.job + "." + wire::EnumNameEventKind(event.kind);
    if (auto ok = broker_.publish(subject, messages::encode(event)); !ok) {
      spdlog::debug("event lost subject={} reason=\"{}\"", subject, ok.error().message);
    }
  }
}

Result<> Verifier::sweep() {
  const auto now = std::chrono::steady_clock::now();
  if (now < next_sweep_) return {};
  const bool first = next_sweep_ == std::chrono::steady_clock::time_point{};
  next_sweep_ = now + kSweepEvery;
  const auto published = outbox_.publish_waiting(first ? std::chrono::milliseconds(0) : kSweepAge);
  health_.database = published.has_value();
  if (!published) return std::unexpected(published.error());
  return {};
}

}  // namespace worldshare::verifier
