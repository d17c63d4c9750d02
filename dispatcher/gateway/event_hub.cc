#include "dispatcher/gateway/event_hub.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <thread>
#include <utility>

#include "dispatcher/access/token_rows.h"
#include "shared/ids.h"
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
constexpr auto kCheckRights = 5s;
constexpr std::size_t kKnownTenants = 100'000;

constexpr const char* kReset =
    "event: reset\nid: {}\ndata: {{\"message\": \"events were missed; read the state again\"}}\n\n";
constexpr const char* kReady = "event: ready\nid: {}\ndata: {{}}\n\n";
constexpr const char* kTooSlow =
    "event: end\ndata: {\"message\": \"this client takes too little; come back with "
    "Last-Event-ID\"}\n\n";
constexpr const char* kNoRight =
    "event: end\ndata: {\"message\": \"the token or session is not valid any more\"}\n\n";
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
    if (auto ok = end_those_without_right(); !ok) return ok;
    if (!*item) continue;
    if (auto ok = add(**item); !ok) return ok;  // it comes again
    next_ = (*item)->sequence + 1;
  }
  return {};
}

Result<std::string> EventHub::tenant_of(const std::string& job) {
  if (const auto known = tenants_.find(job); known != tenants_.end()) return known->second;
  auto pg = pool_.borrow();
  if (!pg) return std::unexpected(pg.error());
  auto rows = (**pg).exec("select tenant from jobs where id = $1", {job});
  if (!rows) return std::unexpected(rows.error());
  if (rows->empty()) return std::string();
  if (tenants_.size() >= kKnownTenants) tenants_.clear();
  return tenants_.emplace(job, rows->str(0, 0)).first->second;
}

/// Whoever lost the right to watch is cut off, wherever the right was taken.
Result<> EventHub::end_those_without_right() {
  const auto now = std::chrono::steady_clock::now();
  if (now < checked_ + kCheckRights) return {};
  std::set<std::string> tokens;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& watcher : watchers_) {
      if (watcher.what.token != kLocalToken) tokens.insert(watcher.what.token);
    }
  }
  std::vector<std::string> ended;
  if (!tokens.empty()) {
    auto pg = pool_.borrow();
    if (!pg) return std::unexpected(pg.error());
    auto found = ended_tokens(**pg, {tokens.begin(), tokens.end()});
    if (!found) return std::unexpected(found.error());
    ended = std::move(*found);
  }
  checked_ = now;
  const std::lock_guard lock(mutex_);
  std::erase_if(watchers_, [&](const Watcher& watcher) {
    const auto& what = watcher.what;
    const bool late = what.expires_ms != 0 && what.expires_ms <= unix_ms(clock_.now());
    const bool over = late || std::ranges::find(ended, what.token) != ended.end();
    if (over) watcher.stream->close(kNoRight);
    return over || !watcher.stream->is_open();
  });
  return {};
}

bool EventHub::may_see(const Watch& what, const Line& line) {
  if (!what.job.empty() && what.job != line.job) return false;
  return what.tenant.empty() || !line.of_job || what.tenant == line.tenant;
}

Result<> EventHub::add(const nats::StreamReader::Item& item) {
  const auto event = messages::decode<wire::EventT>(item.message.data());
  if (!event) return {};
  Line line;
  line.id = item.sequence;
  line.job = event->job;
  line.of_job = is_id(line.job);
  if (line.of_job) {
    auto tenant = tenant_of(line.job);
    if (!tenant) return std::unexpected(tenant.error());
    line.tenant = std::move(*tenant);
  }
  line.text = fmt::format("id: {}\nevent: {}\ndata: {}\n\n", line.id,
                          wire::EnumNameEventKind(event->kind), messages::to_json(*event));
  const std::lock_guard lock(mutex_);
  last_ = std::max(last_, line.id);
  std::erase_if(watchers_, [&](const Watcher& watcher) {
    return may_see(watcher.what, line) ? !watcher.stream->push(line.text)
                                       : !watcher.stream->is_open();
  });
  lines_.push_back(std::move(line));
  if (lines_.size() <= kKeptEvents) return {};
  forgotten_ = lines_.front().id;
  lines_.pop_front();
  return {};
}

std::string EventHub::missed(const Watch& what, std::uint64_t after) const {
  if (after < forgotten_ || after > last_) return fmt::format(kReset, last_);
  std::string text;
  for (auto line = lines_.rbegin(); line != lines_.rend() && line->id > after; ++line) {
    if (!may_see(what, *line)) continue;
    if (text.size() + line->text.size() > kWatcherBytes / 2) return fmt::format(kReset, last_);
    text.insert(0, line->text);
  }
  return text.empty() ? fmt::format(kReady, last_) : text;
}

std::shared_ptr<http::OutStream> EventHub::watch(Watch what, std::optional<std::uint64_t> after) {
  auto stream = std::make_shared<http::OutStream>(stream_options());
  const std::lock_guard lock(mutex_);
  stream->push(after ? missed(what, *after) : fmt::format(kReady, last_));
  if (ended_) {
    stream->close(kStopping);
  } else {
    watchers_.push_back({std::move(what), stream});
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
