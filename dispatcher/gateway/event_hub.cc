#include "dispatcher/gateway/event_hub.h"

#include <fmt/format.h>

#include <thread>
#include <utility>

#include "shared/log.h"
#include "shared/messages/messages.h"
#include "shared/signals.h"

namespace worldshare::dispatcher {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kKeptEvents = 8'192;
constexpr std::size_t kWatcherBytes = 256 * 1024;
constexpr auto kReadAgain = 500ms;
constexpr auto kFarewell = 1s;

constexpr const char* kReset =
    "event: reset\nid: {}\ndata: {{\"message\": \"events were missed; read the state again\"}}\n\n";
constexpr const char* kReady = "event: ready\nid: {}\ndata: {{}}\n\n";
constexpr const char* kTooSlow =
    "event: end\ndata: {\"message\": \"this client takes too little; come back with "
    "Last-Event-ID\"}\n\n";
constexpr const char* kStopping =
    "event: end\ndata: {\"message\": \"the gateway stops; come back with Last-Event-ID\"}\n\n";

http::OutStream::Options stream_options() {
  http::OutStream::Options options;
  options.limit_bytes = kWatcherBytes;
  options.cut_off = kTooSlow;
  options.idle = ":\n\n";
  return options;
}

}  // namespace

void EventHub::run(std::stop_token stop) {
  while (!stop.stop_requested()) {
    if (const auto read_on = read(stop); !read_on)
      spdlog::warn("events interrupted reason=\"{}\"", read_on.error().message);
    sleep_unless_stopped(stop, kReadAgain);
  }
  end_all();
}

void EventHub::end_all() {
  std::vector<Watcher> left;
  {
    const std::lock_guard lock(mutex_);
    ended_ = true;
    left = std::exchange(watchers_, {});
  }
  for (auto& watcher : left) watcher.stream->close(kStopping);
  // The server goes next; the last words get a moment to leave.
  const auto deadline = std::chrono::steady_clock::now() + kFarewell;
  while (!left.empty() && std::chrono::steady_clock::now() < deadline) {
    std::erase_if(left, [](const Watcher& watcher) { return watcher.stream->is_finished(); });
    std::this_thread::sleep_for(5ms);
  }
}

Result<> EventHub::read(std::stop_token stop) {
  const auto range = nats::stream_range(nats_, "EVENTS");
  if (!range) return std::unexpected(range.error());
  if (range->last + 1 < next_) {  // the stream was made anew
    next_ = 0;
    const std::lock_guard lock(mutex_);
    lines_.clear();
    for (auto& watcher : watchers_) watcher.stream->push(fmt::format(kReset, range->last));
  }
  if (next_ == 0) {
    next_ = range->last < kKeptEvents ? 1 : range->last - kKeptEvents + 1;
    const std::lock_guard lock(mutex_);
    last_ = forgotten_ = std::max(range->first, next_) - 1;
  }
  auto reader = nats::StreamReader::open(nats_, "EVENTS", next_);
  if (!reader) return std::unexpected(reader.error());
  while (!stop.stop_requested()) {
    auto item = reader->next(200ms);
    if (!item) return std::unexpected(item.error());
    // A consumer does not survive the broker's restart.
    if (!nats_.connected()) return fail(Errc::kUnavailable, "the broker is away");
    if (!*item) continue;
    add(**item);
    next_ = (*item)->sequence + 1;
  }
  return {};
}

void EventHub::add(const nats::StreamReader::Item& item) {
  const auto event = messages::decode<wire::Event>(item.message.data());
  if (!event) return;
  Line line;
  line.id = item.sequence;
  line.job = event->job;
  line.text = fmt::format("id: {}\nevent: {}\ndata: {}\n\n", line.id,
                          wire::EnumNameEventKind(event->kind), messages::to_json(*event));
  const std::lock_guard lock(mutex_);
  last_ = std::max(last_, line.id);
  std::erase_if(watchers_, [&](const Watcher& watcher) {
    const bool wants = watcher.job.empty() || watcher.job == line.job;
    return wants ? !watcher.stream->push(line.text) : !watcher.stream->is_open();
  });
  lines_.push_back(std::move(line));
  if (lines_.size() <= kKeptEvents) return;
  forgotten_ = lines_.front().id;
  lines_.pop_front();
}

std::string EventHub::missed(const std::string& job, std::uint64_t after) const {
  if (after < forgotten_ || after > last_) return fmt::format(kReset, last_);
  std::string text;
  for (auto line = lines_.rbegin(); line != lines_.rend() && line->id > after; ++line) {
    if (!job.empty() && line->job != job) continue;
    if (text.size() + line->text.size() > kWatcherBytes / 2) return fmt::format(kReset, last_);
    text.insert(0, line->text);
  }
  return text.empty() ? fmt::format(kReady, last_) : text;
}

std::shared_ptr<http::OutStream> EventHub::watch(const std::string& job,
                                                 std::optional<std::uint64_t> after) {
  auto stream = std::make_shared<http::OutStream>(stream_options());
  const std::lock_guard lock(mutex_);
  stream->push(after ? missed(job, *after) : fmt::format(kReady, last_));
  if (ended_) {
    stream->close(kStopping);
  } else {
    watchers_.push_back({job, stream});
  }
  return stream;
}

std::size_t EventHub::watchers() const {
  const std::lock_guard lock(mutex_);
  std::size_t count = 0;
  for (const auto& watcher : watchers_) count += watcher.stream->is_open() ? 1 : 0;
  return count;
}

}  // namespace worldshare::dispatcher
