#include "shared/nats/stored_publisher.h"

#include <algorithm>
#include <charconv>

#include "shared/ids.h"
#include "shared/nats/connection_impl.h"
#include "shared/nats/pub_ack.h"

namespace worldshare::nats {
namespace {

using Milliseconds = std::chrono::milliseconds;
using SteadyClock = std::chrono::steady_clock;
using Answers = std::vector<Result<PubAck>>;

Answers all_of(std::size_t count, const Error& error) {
  return Answers(count, std::unexpected(error));
}

/// Those that nobody has answered.
void blame_subject(Answers& answers) {
  for (auto& answer : answers) {
    if (answer || answer.error().code != Errc::kTimeout) continue;
    answer = fail(Errc::kUnavailable, "no stream takes this subject");
  }
}

}  // namespace

struct StoredPublisher::Impl {
  Connection* connection = nullptr;
  std::string inbox;
  std::uint64_t batches = 0;
  std::optional<LinkSubscription> subscription;

  Result<> bind();
  std::size_t send(std::span<const StoredMessage> messages,
                   const std::string& prefix,
                   Answers& answers);
  void collect(const std::string& prefix,
               std::size_t waiting,
               Milliseconds timeout,
               Answers& answers);
  static bool take(const Message& message, const std::string& prefix, Answers& answers);
};

/// The inbox on the link of now.
Result<> StoredPublisher::Impl::bind() {
  auto link = connection->impl_->ready();
  if (!link) return std::unexpected(link.error());
  if (subscription && subscription->link() == *link) return {};
  auto opened = LinkSubscription::open(std::move(*link), inbox + ".*.*", {});
  if (!opened) return std::unexpected(opened.error());
  subscription = std::move(*opened);
  return {};
}

/// How many are on their way.
std::size_t StoredPublisher::Impl::send(std::span<const StoredMessage> messages,
                                        const std::string& prefix,
                                        Answers& answers) {
  std::size_t sent = 0;
  for (std::size_t i = 0; i < messages.size(); ++i) {
    const auto& message = messages[i];
    const auto ok =
        publish_on(*subscription->link(), message.subject, prefix + std::to_string(i), message.data,
                   {{"Nats-Msg-Id", message.message_id}, {"Summary", message.summary}});
    if (ok) ++sent;
    if (!ok) answers[i] = std::unexpected(ok.error());
  }
  return sent;
}

/// False: an answer to an earlier batch, which came too late.
bool StoredPublisher::Impl::take(const Message& message,
                                 const std::string& prefix,
                                 Answers& answers) {
  std::string_view token = message.subject();
  if (!token.starts_with(prefix)) return false;
  token.remove_prefix(prefix.size());
  std::size_t index = answers.size();
  std::from_chars(token.data(), token.data() + token.size(), index);
  if (index >= answers.size()) return false;
  answers[index] = parse_pub_ack(as_text(message.data()));
  return true;
}

void StoredPublisher::Impl::collect(const std::string& prefix,
                                    std::size_t waiting,
                                    Milliseconds timeout,
                                    Answers& answers) {
  const Link& link = *subscription->link();
  const auto deadline = SteadyClock::now() + timeout;
  bool nobody_listens = false;
  while (waiting > 0 && SteadyClock::now() < deadline) {
    MessageHandle handle;
    const auto status = subscription->next(handle, std::min(kSlice, until(deadline)));
    if (status == NATS_TIMEOUT) {
      // Answers to what went over the lost connection never come.
      if (!link.connected()) return;
      continue;
    }
    if (status == NATS_NO_RESPONDERS) {
      // nats.c does not say which; it is one of those that stay unanswered.
      nobody_listens = true;
      --waiting;
      continue;
    }
    if (status != NATS_OK) return;
    Message message;
    message.impl_ = std::make_unique<Message::Impl>();
    message.impl_->handle = std::move(handle);
    if (take(message, prefix, answers)) --waiting;
  }
  if (nobody_listens && waiting == 0) blame_subject(answers);
}

StoredPublisher::StoredPublisher(Connection& connection) : impl_(std::make_unique<Impl>()) {
  impl_->connection = &connection;
  impl_->inbox = connection.inbox_prefix() + ".stored-" + new_id();
}
StoredPublisher::~StoredPublisher() = default;
StoredPublisher::StoredPublisher(StoredPublisher&&) noexcept = default;

Answers StoredPublisher::publish(std::span<const StoredMessage> messages, Milliseconds timeout) {
  if (messages.empty()) return {};
  if (auto bound = impl_->bind(); !bound) return all_of(messages.size(), bound.error());
  Answers answers =
      all_of(messages.size(), {Errc::kTimeout, "the stream did not acknowledge in time"});
  const std::string prefix = impl_->inbox + "." + std::to_string(++impl_->batches) + ".";
  const std::size_t sent = impl_->send(messages, prefix, answers);
  impl_->collect(prefix, sent, timeout, answers);
  return answers;
}

}  // namespace worldshare::nats
