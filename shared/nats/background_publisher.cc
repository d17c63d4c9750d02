#include "shared/nats/background_publisher.h"

#include <charconv>
#include <deque>
#include <mutex>
#include <thread>
#include <unordered_map>

#include "shared/ids.h"
#include "shared/log.h"
#include "shared/nats/connection_impl.h"
#include "shared/nats/pub_ack.h"
#include "shared/signals.h"

namespace worldshare::nats {
namespace {

using std::chrono_literals::operator""ms;
using SteadyClock = std::chrono::steady_clock;

}  // namespace

struct BackgroundPublisher::Impl {
  Impl(Connection& to, Subscription from, std::string prefix, std::chrono::milliseconds time)
      : connection(to), answers(std::move(from)), inbox(std::move(prefix)), patience(time) {}

  void read(std::stop_token stop);
  void take(const Message& answer);
  void give_up();

  Connection& connection;
  Subscription answers;  // of the thread
  const std::string inbox;
  const std::chrono::milliseconds patience;
  mutable std::mutex mutex;
  std::uint64_t next = 0;                                  // guarded by mutex
  std::unordered_map<std::uint64_t, std::string> waiting;  // guarded by mutex; id of the message
  std::deque<std::pair<SteadyClock::time_point, std::uint64_t>> sent;  // guarded by mutex
  Counts counts;                                                       // guarded by mutex
  std::jthread thread;  // last: ends before what it uses
};

void BackgroundPublisher::Impl::take(const Message& answer) {
  const std::string_view subject = answer.subject();
  if (subject.size() <= inbox.size()) return;
  const std::string_view digits = subject.substr(inbox.size());
  std::uint64_t number = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), number);
  const auto ack = answer.header("Status") == "503"
                       ? Result<PubAck>(fail(Errc::kUnavailable, "JetStream does not answer"))
                       : parse_pub_ack(as_text(answer.data()));
  const std::lock_guard lock(mutex);
  const auto found = waiting.find(number);
  if (found == waiting.end()) return;
  if (!ack)
    spdlog::warn("message not stored id={} error=\"{}\"", found->second, ack.error().message);
  ++(ack ? counts.stored : counts.refused);
  waiting.erase(found);
}

void BackgroundPublisher::Impl::give_up() {
  const auto before = SteadyClock::now() - patience;
  const std::lock_guard lock(mutex);
  while (!sent.empty() && (sent.front().first < before || !waiting.contains(sent.front().second))) {
    counts.unanswered += waiting.erase(sent.front().second);
    sent.pop_front();
  }
}

void BackgroundPublisher::Impl::read(std::stop_token stop) {
  while (!stop.stop_requested()) {
    auto answer = answers.next(kSlice);
    if (!answer) sleep_unless_stopped(stop, kSlice);
    if (answer && *answer) take(**answer);
    give_up();
  }
}

BackgroundPublisher::BackgroundPublisher() = default;
BackgroundPublisher::~BackgroundPublisher() = default;

Result<std::unique_ptr<BackgroundPublisher>> BackgroundPublisher::open(
    Connection& connection, std::chrono::milliseconds patience) {
  const std::string inbox = connection.inbox_prefix() + ".stored-" + new_id() + ".";
  auto answers = connection.subscribe(inbox + "*");
  if (!answers) return std::unexpected(answers.error());
  std::unique_ptr<BackgroundPublisher> publisher(new BackgroundPublisher);
  publisher->impl_ = std::make_unique<Impl>(connection, std::move(*answers), inbox, patience);
  Impl& impl = *publisher->impl_;
  impl.thread = std::jthread([&impl](std::stop_token stop) { impl.read(std::move(stop)); });
  return publisher;
}

Result<> BackgroundPublisher::publish(const std::string& subject,
                                      ByteView data,
                                      const std::string& message_id,
                                      const std::string& summary) {
  std::uint64_t number = 0;
  {
    const std::lock_guard lock(impl_->mutex);
    number = ++impl_->next;
    impl_->waiting.emplace(number, message_id);
    impl_->sent.emplace_back(SteadyClock::now(), number);
  }
  auto sent =
      impl_->connection.publish(subject, data, {{"Nats-Msg-Id", message_id}, {"Summary", summary}},
                                impl_->inbox + std::to_string(number));
  if (sent) return sent;
  const std::lock_guard lock(impl_->mutex);
  impl_->waiting.erase(number);
  return sent;
}

BackgroundPublisher::Counts BackgroundPublisher::counts() const {
  const std::lock_guard lock(impl_->mutex);
  Counts counts = impl_->counts;
  counts.pending = impl_->waiting.size();
  return counts;
}

}  // namespace worldshare::nats
