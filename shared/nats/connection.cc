#include "shared/nats/connection.h"

#include <algorithm>

#include "shared/crypto.h"
#include "shared/ids.h"
#include "shared/log.h"
#include "shared/nats/connection_impl.h"
#include "shared/nats/pub_ack.h"
#include "shared/signals.h"

namespace worldshare::nats {
namespace {

using std::chrono_literals::operator""ms;
using Milliseconds = std::chrono::milliseconds;
using SteadyClock = std::chrono::steady_clock;

constexpr Milliseconds kLookInterval = 100ms;
constexpr Milliseconds kReadyInterval = 20ms;
constexpr Milliseconds kFirstRetry = 200ms;
constexpr Milliseconds kLastRetry = 2000ms;

/// Headers are lines, so a control character must not end one early.
std::string one_line(std::string text) {
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < ' ' || c == '\x7f') c = ' ';
  }
  return text;
}

Result<MessageHandle> make_message(const std::string& subject,
                                   const std::string& reply,
                                   ByteView data,
                                   const Headers& headers) {
  if (!is_sendable(subject) || !is_sendable(reply.empty() ? "x" : reply)) {
    return fail(Errc::kInvalid, "bad subject: " + subject);
  }
  const std::string_view body = as_text(data);
  natsMsg* raw = nullptr;
  const auto status = natsMsg_Create(&raw, subject.c_str(), reply.empty() ? nullptr : reply.c_str(),
                                     body.data(), static_cast<int>(body.size()));
  if (status != NATS_OK) return failed("cannot make a message for " + subject, status);
  MessageHandle message(raw);
  for (const auto& [key, value] : headers) {
    const auto set = natsMsgHeader_Set(raw, key.c_str(), one_line(value).c_str());
    if (set != NATS_OK) return failed("cannot set header " + key, set);
  }
  return message;
}

}  // namespace

Result<> publish_on(const Link& link,
                    const std::string& subject,
                    const std::string& reply,
                    ByteView data,
                    const Headers& headers) {
  auto message = make_message(subject, reply, data, headers);
  if (!message) return std::unexpected(message.error());
  const auto status = natsConnection_PublishMsg(link.get(), message->get());
  // The one byte that may wait for a reconnect was too small: the connection is down.
  if (status == NATS_INSUFFICIENT_BUFFER)
    return fail(Errc::kUnavailable, "not connected to the broker");
  if (status != NATS_OK) return failed("cannot publish to " + subject, status);
  return {};
}

Message::Message() = default;
Message::~Message() = default;
Message::Message(Message&&) noexcept = default;
Message& Message::operator=(Message&&) noexcept = default;

std::string_view Message::subject() const {
  return impl_ ? natsMsg_GetSubject(impl_->handle.get()) : "";
}

std::string_view Message::reply() const {
  const char* reply = impl_ ? natsMsg_GetReply(impl_->handle.get()) : nullptr;
  return reply == nullptr ? std::string_view{} : reply;
}

ByteView Message::data() const {
  if (!impl_ || natsMsg_GetDataLength(impl_->handle.get()) == 0) return {};
  const natsMsg* message = impl_->handle.get();
  return as_bytes(
      {natsMsg_GetData(message), static_cast<std::size_t>(natsMsg_GetDataLength(message))});
}

std::string Message::header(const char* key) const {
  const char* value = nullptr;
  if (!impl_ || natsMsgHeader_Get(impl_->handle.get(), key, &value) != NATS_OK || value == nullptr)
    return {};
  return value;
}

std::shared_ptr<Link> Connection::Impl::current() const {
  const std::lock_guard lock(mutex);
  return link;
}

Result<std::shared_ptr<Link>> Connection::Impl::ready() const {
  auto held = current();
  if (!held->connected()) return fail(Errc::kUnavailable, "not connected to the broker");
  return held;
}

Result<std::shared_ptr<Link>> Connection::Impl::wait_ready(Milliseconds timeout) const {
  const auto deadline = SteadyClock::now() + timeout;
  auto link_now = ready();
  while (!link_now && SteadyClock::now() < deadline) {
    std::this_thread::sleep_for(std::min(kReadyInterval, until(deadline)));
    link_now = ready();
  }
  return link_now;
}

Result<std::shared_ptr<Link>> Connection::Impl::wait_open(Milliseconds timeout) {
  std::unique_lock lock(mutex);
  if (!changed.wait_for(lock, timeout, [&] { return !link->closed(); })) {
    return fail(Errc::kUnavailable, "the connection to the broker is closed");
  }
  return link;
}

void Connection::Impl::note_trouble(const std::string& reason) {
  const std::lock_guard lock(mutex);
  if (trouble == reason) return;
  trouble = reason;
  if (!reason.empty()) spdlog::warn("broker cannot be reached reason=\"{}\"", reason);
}

void Connection::Impl::replace(std::shared_ptr<Link> opened) {
  {
    const std::lock_guard lock(mutex);
    std::swap(link, opened);
    // At once, so that nothing is missed that comes after the connection is back. Who cannot be
    // moved, because it is gone again, is moved to the next.
    for (const auto& known : subscriptions) {
      if (const auto subscription = known.lock()) std::ignore = subscription->move_to(link);
    }
  }
  changed.notify_all();
  spdlog::info("broker connection was opened again name={}", options.name);
}

void Connection::Impl::keep(std::stop_token stop) {
  auto retry = kFirstRetry;
  while (sleep_unless_stopped(stop, kLookInterval)) {
    if (!current()->closed()) {
      retry = kFirstRetry;
      continue;
    }
    auto opened = Link::connect(options, inbox_prefix, stop);
    if (opened) {
      note_trouble({});
      replace(std::move(*opened));
      continue;
    }
    if (!stop.stop_requested()) note_trouble(opened.error().message);
    const auto half = retry / 2;
    const auto jitter = random_below(static_cast<std::uint64_t>(half.count()) + 1);
    sleep_unless_stopped(stop, half + Milliseconds(jitter));
    retry = std::min(2 * retry, kLastRetry);
  }
}

Connection::Connection() : impl_(std::make_unique<Impl>()) {}
Connection::~Connection() = default;

Result<std::unique_ptr<Connection>> Connection::open(const ConnectOptions& options) {
  std::unique_ptr<Connection> connection(new Connection);
  Impl& impl = *connection->impl_;
  impl.options = options;
  std::string identity = new_id();
  if (!options.seed.empty()) {
    auto key = NKey::from_seed(options.seed);
    if (!key) return std::unexpected(key.error());
    identity = key->public_key();
  }
  impl.inbox_prefix = "_INBOX." + identity;
  auto link = Link::connect(options, impl.inbox_prefix, {});
  if (!link) return std::unexpected(link.error());
  impl.link = std::move(*link);
  impl.keeper = std::jthread([&impl](std::stop_token stop) { impl.keep(stop); });
  return connection;
}

bool Connection::connected() const { return impl_->current()->connected(); }
std::string Connection::trouble() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->trouble;
}
const std::string& Connection::inbox_prefix() const { return impl_->inbox_prefix; }

Result<> Connection::publish(const std::string& subject,
                             ByteView data,
                             const Headers& headers,
                             const std::string& reply) {
  auto link = impl_->ready();
  if (!link) return std::unexpected(link.error());
  return publish_on(**link, subject, reply, data, headers);
}

Result<Message> Connection::request(const std::string& subject,
                                    ByteView data,
                                    Milliseconds timeout,
                                    const Headers& headers) {
  auto message = make_message(subject, {}, data, headers);
  if (!message) return std::unexpected(message.error());
  auto link = impl_->ready();
  if (!link) return std::unexpected(link.error());
  natsMsg* reply = nullptr;
  const auto status = natsConnection_RequestMsg(&reply, (*link)->get(), message->get(),
                                                std::max<std::int64_t>(1, timeout.count()));
  if (status != NATS_OK) return failed("no answer on " + subject, status);
  Message answer;
  answer.impl_ = std::make_unique<Message::Impl>();
  answer.impl_->handle.reset(reply);
  return answer;
}

Result<PubAck> Connection::publish_stored(const std::string& subject,
                                          ByteView data,
                                          const std::string& message_id,
                                          const std::string& summary,
                                          Milliseconds timeout) {
  auto answer =
      request(subject, data, timeout, {{"Nats-Msg-Id", message_id}, {"Summary", summary}});
  if (!answer) return std::unexpected(answer.error());
  return parse_pub_ack(as_text(answer->data()));
}

Result<> Connection::flush(Milliseconds timeout) {
  auto link = impl_->ready();
  if (!link) return std::unexpected(link.error());
  const auto status =
      natsConnection_FlushTimeout((*link)->get(), std::max<std::int64_t>(1, timeout.count()));
  if (status != NATS_OK) return failed("cannot flush", status);
  return {};
}

Subscription::Subscription() : impl_(std::make_shared<Impl>()) {}
Subscription::~Subscription() = default;
Subscription::Subscription(Subscription&&) noexcept = default;
Subscription& Subscription::operator=(Subscription&&) noexcept = default;

Result<> Subscription::Impl::move_to(const std::shared_ptr<Link>& link) {
  auto opened = LinkSubscription::open(link, subject, queue);
  if (!opened) return std::unexpected(opened.error());
  const std::lock_guard lock(mutex);
  open = std::make_shared<LinkSubscription>(std::move(*opened));
  return {};
}

std::shared_ptr<LinkSubscription> Subscription::Impl::current() {
  const std::lock_guard lock(mutex);
  return open;
}

Result<Subscription> Connection::subscribe(const std::string& subject, const std::string& queue) {
  Subscription subscription;
  auto& state = *subscription.impl_;
  state.connection = impl_.get();
  state.subject = subject;
  state.queue = queue;
  const std::lock_guard lock(impl_->mutex);
  if (auto ok = state.move_to(impl_->link); !ok) return std::unexpected(ok.error());
  std::erase_if(impl_->subscriptions, [](const auto& known) { return known.expired(); });
  impl_->subscriptions.push_back(subscription.impl_);
  return subscription;
}

Result<std::optional<Message>> Subscription::next(Milliseconds timeout) {
  const auto deadline = SteadyClock::now() + timeout;
  for (;;) {
    const auto open = impl_->current();
    MessageHandle handle;
    const auto status = open->next(handle, until(deadline));
    if (status == NATS_OK) {
      Message message;
      message.impl_ = std::make_unique<Message::Impl>();
      message.impl_->handle = std::move(handle);
      return message;
    }
    if (status == NATS_TIMEOUT) return std::nullopt;
    if (!open->link()->closed()) return failed("subscription to " + impl_->subject, status);
    auto link = impl_->connection->wait_open(until(deadline));
    if (!link) return std::unexpected(link.error());
    if (impl_->current()->link() == *link) continue;
    if (auto ok = impl_->move_to(*link); !ok) return std::unexpected(ok.error());
  }
}

}  // namespace worldshare::nats
