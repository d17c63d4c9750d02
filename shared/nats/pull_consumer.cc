#include "shared/nats/pull_consumer.h"

#include <algorithm>
#include <boost/json.hpp>
#include <charconv>

#include "shared/ids.h"
#include "shared/log.h"
#include "shared/nats/connection_impl.h"
#include "shared/nats/pub_ack.h"

namespace worldshare::nats {
namespace {

using std::chrono_literals::operator""ms;
using Milliseconds = std::chrono::milliseconds;
using SteadyClock = std::chrono::steady_clock;

/// nats-server 2.9.10 does not always say that a pull ended, so the client's own clock decides a
/// little later.
constexpr Milliseconds kGrace = 100ms;
/// How long the rest of a batch may take once its first message is here: it waits in the stream
/// already.
constexpr Milliseconds kRestTime = 50ms;
constexpr Milliseconds kInfoTime = 2000ms;
constexpr Milliseconds kExamineEvery = 10'000ms;
/// Between deleting a consumer and making it anew an answer may be lost.
constexpr int kMakeTries = 3;
/// max_request_batch of broker-config/nats-server.conf: a pull for more is refused as a whole.
constexpr int kMostInPull = 256;
constexpr Milliseconds kHeartbeat = 2000ms;
constexpr Milliseconds kLeastForHeartbeat = 600ms;

std::string nanoseconds(Milliseconds time) {
  return std::to_string(std::chrono::nanoseconds(time).count());
}

/// A pull (ADR-13) as the server reads it.
struct Pull {
  int batch = 1;
  bool no_wait = false;
  Milliseconds expires{0};
  Milliseconds heartbeat{0};

  std::string json() const {
    std::string text =
        R"({"batch":)" + std::to_string(batch) + R"(,"expires":)" + nanoseconds(expires);
    if (no_wait) text += R"(,"no_wait":true)";
    if (heartbeat > 0ms) text += R"(,"idle_heartbeat":)" + nanoseconds(heartbeat);
    return text + "}";
  }
};

Pull waiting_pull(Milliseconds time) {
  Pull pull;
  pull.expires = std::max(1ms, time);
  if (time >= kLeastForHeartbeat) pull.heartbeat = std::min(kHeartbeat, time / 4);
  return pull;
}

enum class PullEnd {
  kDone,    // all that was asked for, or nothing more to come
  kLost,    // the connection broke, and the server forgot it
  kSilent,  // neither a message nor a status came
};

/// Messages behind this one in the stream, from its ack subject:
/// $JS.ACK.<stream>.<consumer>.<deliveries>.<stream seq>.<consumer seq>.<time>.<pending>, or with
/// domain and account before the stream and a token after the count.
int pending_after(std::string_view ack_subject) {
  const auto dots = std::count(ack_subject.begin(), ack_subject.end(), '.');
  const int index = dots == 8 ? 8 : 10;
  for (int i = 0; i < index; ++i) {
    const auto dot = ack_subject.find('.');
    if (dot == std::string_view::npos) return 0;
    ack_subject.remove_prefix(dot + 1);
  }
  int pending = 0;
  std::from_chars(ack_subject.data(), ack_subject.data() + ack_subject.size(), pending);
  return pending;
}

/// A number somewhere in an answer; 0 when it is not there.
std::uint64_t number_at(const boost::json::object& answer, const char* part, const char* name) {
  const auto* inner = answer.if_contains(part);
  const auto* value =
      inner != nullptr && inner->is_object() ? inner->get_object().if_contains(name) : nullptr;
  boost::system::error_code ignored;
  return value == nullptr ? 0 : value->to_number<std::uint64_t>(ignored);
}

Error explain_status(const std::string& code, const std::string& description) {
  const std::string text = "pull refused: " + code + " " + description;
  if (code == "503") return {Errc::kUnavailable, "no such consumer, or JetStream is not ready"};
  if (code == "400") return {Errc::kInvalid, text};
  if (code != "409") return {Errc::kInternal, text};
  if (description.contains("Deleted")) return {Errc::kNotFound, text};
  if (description.contains("MaxWaiting")) return {Errc::kUnavailable, text};
  return {Errc::kInvalid, text};
}

}  // namespace

struct PullConsumer::Impl {
  Connection* connection = nullptr;
  std::string name;  // <stream>.<durable>
  std::string inbox;
  std::uint64_t pulls = 0;
  std::optional<LinkSubscription> subscription;
  SteadyClock::time_point examine_at{};

  std::string stream_name() const { return name.substr(0, name.find('.')); }
  Result<> examine();
  Result<> make_anew(const boost::json::object& info) const;
  Result<> bind(std::shared_ptr<Link> link);
  void take_queued(std::vector<Message>& messages, std::size_t limit);
  void give_back_queued();
  Result<PullEnd> run(const Pull& pull, std::vector<Message>& messages);
  Result<PullEnd> receive(const Pull& pull,
                          const std::string& reply,
                          std::vector<Message>& messages);
  std::optional<Result<PullEnd>> read_status(const Message& message,
                                             const std::string& reply) const;
  Result<> settle_with(const Message& message, const std::string& verb) const;
};

/// The server does not answer pulls from a consumer that it does not have. And nats-server 2.9.10,
/// killed while a stream is empty, counts the stream's messages from 1 again and leaves the
/// consumer where it was, ahead of all that comes: it would hand out nothing for as long. A broker
/// that is away is no reason to give up.
Result<> PullConsumer::Impl::examine() {
  const auto info = ask_api(*connection, "CONSUMER.INFO." + name, "", kInfoTime);
  if (!info && info.error().code == Errc::kNotFound)
    return fail(Errc::kNotFound, "there is no consumer " + name + ": " + info.error().message);
  if (!info) return {};
  const auto stream = ask_api(*connection, "STREAM.INFO." + stream_name(), "", kInfoTime);
  if (!stream) return {};
  examine_at = SteadyClock::now() + kExamineEvery;
  const auto delivered = number_at(*info, "delivered", "stream_seq");
  const auto last = number_at(*stream, "state", "last_seq");
  if (delivered <= last) return {};
  spdlog::warn("consumer is ahead of its stream and is made anew consumer={} at={} last={}", name,
               delivered, last);
  return make_anew(*info);
}

/// It hands out all that the stream holds; who takes it knows what was there before.
Result<> PullConsumer::Impl::make_anew(const boost::json::object& info) const {
  const auto* config = info.if_contains("config");
  if (config == nullptr) return {};
  const std::string request = boost::json::serialize(
      boost::json::object{{"stream_name", stream_name()}, {"config", *config}});
  std::ignore = ask_api(*connection, "CONSUMER.DELETE." + name, "", kInfoTime);
  Error error;
  for (int tries = 0; tries < kMakeTries; ++tries) {
    const auto made = ask_api(*connection, "CONSUMER.DURABLE.CREATE." + name, request, kInfoTime);
    if (made) return {};
    error = made.error();
  }
  return fail(error.code, "the consumer " + name + " cannot be made anew: " + error.message);
}

Result<> PullConsumer::Impl::bind(std::shared_ptr<Link> link) {
  if (subscription && subscription->link() == link) return {};
  auto opened = LinkSubscription::open(std::move(link), inbox + ".*", {});
  if (!opened) return std::unexpected(opened.error());
  subscription = std::move(*opened);
  examine_at = {};  // another server, or another life of it
  return {};
}

void PullConsumer::Impl::take_queued(std::vector<Message>& messages, std::size_t limit) {
  while (messages.size() < limit && subscription->queued() > 0) {
    MessageHandle handle;
    if (subscription->next(handle, 1ms) != NATS_OK) return;
    Message message;
    message.impl_ = std::make_unique<Message::Impl>();
    message.impl_->handle = std::move(handle);
    if (!message.subject().starts_with(inbox)) messages.push_back(std::move(message));
  }
}

void PullConsumer::Impl::give_back_queued() {
  if (!subscription) return;
  std::vector<Message> messages;
  take_queued(messages, std::size_t{1} << 20U);
  for (const auto& message : messages) static_cast<void>(settle_with(message, "-NAK"));
}

/// Nothing: the status does not end the pull.
std::optional<Result<PullEnd>> PullConsumer::Impl::read_status(const Message& message,
                                                               const std::string& reply) const {
  const std::string code = message.header("Status");
  if (code == "100" || message.subject() != reply) return std::nullopt;
  if (code == "404" || code == "408") return PullEnd::kDone;
  return std::unexpected(explain_status(code, message.header("Description")));
}

Result<PullEnd> PullConsumer::Impl::receive(const Pull& pull,
                                            const std::string& reply,
                                            std::vector<Message>& messages) {
  const Link& link = *subscription->link();
  const auto end = SteadyClock::now() + pull.expires + kGrace;
  auto heard = SteadyClock::now();
  for (int count = 0; count < pull.batch;) {
    MessageHandle handle;
    const auto status = subscription->next(handle, std::min(kSlice, until(end)));
    if (status == NATS_NO_RESPONDERS) return std::unexpected(explain_status("503", {}));
    if (status != NATS_OK && status != NATS_TIMEOUT) return PullEnd::kLost;
    if (status == NATS_TIMEOUT) {
      if (SteadyClock::now() >= end) return PullEnd::kSilent;
      if (!link.connected()) return PullEnd::kLost;
      if (pull.heartbeat > 0ms && SteadyClock::now() - heard > 3 * pull.heartbeat)
        return PullEnd::kSilent;
      continue;
    }
    heard = SteadyClock::now();
    Message message;
    message.impl_ = std::make_unique<Message::Impl>();
    message.impl_->handle = std::move(handle);
    if (!message.subject().starts_with(inbox)) {
      messages.push_back(std::move(message));
      ++count;
    } else if (auto ended = read_status(message, reply)) {
      return std::move(*ended);
    }
  }
  return PullEnd::kDone;
}

Result<PullEnd> PullConsumer::Impl::run(const Pull& pull, std::vector<Message>& messages) {
  const std::string reply = inbox + "." + std::to_string(++pulls);
  auto sent = publish_on(*subscription->link(), "$JS.API.CONSUMER.MSG.NEXT." + name, reply,
                         as_bytes(pull.json()), {});
  if (!sent) return PullEnd::kLost;
  return receive(pull, reply, messages);
}

Result<> PullConsumer::Impl::settle_with(const Message& message, const std::string& verb) const {
  return connection->publish(std::string(message.reply()), as_bytes(verb));
}

PullConsumer::PullConsumer() : impl_(std::make_unique<Impl>()) {}
PullConsumer::PullConsumer(PullConsumer&&) noexcept = default;
PullConsumer& PullConsumer::operator=(PullConsumer&&) noexcept = default;
PullConsumer::~PullConsumer() {
  if (impl_) impl_->give_back_queued();
}

Result<PullConsumer> PullConsumer::open(Connection& connection,
                                        const std::string& stream,
                                        const std::string& durable) {
  PullConsumer consumer;
  Impl& impl = *consumer.impl_;
  impl.connection = &connection;
  impl.name = stream + "." + durable;
  impl.inbox = connection.inbox_prefix() + ".pull-" + new_id();
  if (auto bound = impl.bind(connection.impl_->current()); !bound)
    return std::unexpected(bound.error());
  if (auto exists = impl.examine(); !exists) return std::unexpected(exists.error());
  return consumer;
}

Result<std::vector<Message>> PullConsumer::fetch(int batch, Milliseconds timeout) {
  const auto deadline = SteadyClock::now() + timeout;
  const auto limit = static_cast<std::size_t>(std::max(1, batch));
  std::vector<Message> messages;
  impl_->take_queued(messages, limit);
  while (messages.empty()) {
    auto link = impl_->connection->impl_->wait_ready(until(deadline));
    if (!link) return std::unexpected(link.error());
    if (auto bound = impl_->bind(*link); !bound) return std::unexpected(bound.error());
    if (SteadyClock::now() >= impl_->examine_at) {
      if (auto ok = impl_->examine(); !ok) return std::unexpected(ok.error());
    }
    auto end = impl_->run(waiting_pull(until(deadline)), messages);
    if (!end) return std::unexpected(end.error());
    if (*end == PullEnd::kDone && messages.empty()) return messages;
    if (*end == PullEnd::kSilent) {
      if (auto exists = impl_->examine(); !exists) return std::unexpected(exists.error());
      if (SteadyClock::now() >= deadline) return messages;
    }
  }
  int rest =
      std::min(static_cast<int>(limit - messages.size()), pending_after(messages.back().reply()));
  // A first message alone, then what waits behind it: no pull stays open at the server that could
  // hand out messages while nobody fetches. What goes wrong here shows again in the next call.
  while (rest > 0) {
    const int asked = std::min(rest, kMostInPull);
    const auto before = messages.size();
    auto end = impl_->run({.batch = asked, .no_wait = true, .expires = kRestTime}, messages);
    if (!end || messages.size() - before < static_cast<std::size_t>(asked)) break;
    rest -= asked;
  }
  return messages;
}

Result<> PullConsumer::ack(const Message& message) { return impl_->settle_with(message, "+ACK"); }

Result<> PullConsumer::nak(const Message& message, Milliseconds delay) {
  return impl_->settle_with(message, R"(-NAK {"delay":)" + nanoseconds(delay) + "}");
}

// nats-server 2.9.10 ignores a reason behind the word.
Result<> PullConsumer::term(const Message& message) { return impl_->settle_with(message, "+TERM"); }
Result<> PullConsumer::in_progress(const Message& message) {
  return impl_->settle_with(message, "+WPI");
}

Result<> settle(PullConsumer& consumer,
                const Message& message,
                const Result<>& outcome,
                Milliseconds delay) {
  if (outcome) return consumer.ack(message);
  return is_retryable(outcome.error().code) ? consumer.nak(message, delay) : consumer.term(message);
}

}  // namespace worldshare::nats
