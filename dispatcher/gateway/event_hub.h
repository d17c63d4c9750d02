#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "dispatcher/gateway/connection_pool.h"
#include "shared/clock.h"
#include "shared/http/out_stream.h"
#include "shared/nats/connection.h"
#include "shared/nats/stream_reader.h"

namespace worldshare::dispatcher {

/// Hands what happens (the stream EVENTS) to everybody who watches, as server-sent events: one
/// consumer at the broker for the whole process, and the last events in memory for clients that
/// come back. An event's id is its sequence in the stream. Thread-safe.
class EventHub {
 public:
  EventHub(nats::Connection& nats, ConnectionPool& pool, const Clock& clock)
      : nats_(nats), pool_(pool), clock_(clock) {}

  /// Reads until `stop`, then ends all streams.
  void run(std::stop_token stop);

  /// Who watches what.
  struct Watch {
    std::string job;               ///< empty: all that the tenant may see
    std::string tenant;            ///< empty: every tenant's
    std::string token;             ///< the stream ends within seconds when this token does
    std::uint64_t expires_ms = 0;  ///< and at this unix time; 0: never
  };
  /// A stream of events. It begins behind the event `after`; without
  /// one with what happens from now on. When events behind `after` are not kept any more, its first
  /// event is `reset`: the client reads the state anew.
  std::shared_ptr<http::OutStream> watch(Watch what, std::optional<std::uint64_t> after);
  std::size_t watchers() const;

 private:
  struct Line {
    std::uint64_t id = 0;
    std::string job;
    std::string tenant;   ///< whose job it is; empty where that is not known
    bool of_job = false;  ///< the others are of the farm, and for everybody
    std::string text;     ///< as it is sent
  };
  struct Watcher {
    Watch what;
    std::shared_ptr<http::OutStream> stream;
  };
  Result<> read(std::stop_token stop);
  void end_all();
  static bool may_see(const Watch& what, const Line& line);
  Result<> add(const nats::StreamReader::Item& item);
  Result<std::string> tenant_of(const std::string& job);
  Result<> end_those_without_right();
  std::string missed(const Watch& what, std::uint64_t after) const;  // with mutex_ held

  nats::Connection& nats_;
  ConnectionPool& pool_;
  const Clock& clock_;
  // Of the reading thread:
  std::uint64_t next_ = 0;                           ///< the sequence that it expects
  std::map<std::string, std::string> tenants_;       ///< of jobs; it never changes
  std::chrono::steady_clock::time_point checked_{};  ///< when the watchers' tokens were looked at
  mutable std::mutex mutex_;
  std::uint64_t last_ = 0;         // guarded by mutex_: the newest id
  std::uint64_t forgotten_ = 0;    // guarded by mutex_: the newest id that is not kept
  std::deque<Line> lines_;         // guarded by mutex_
  std::vector<Watcher> watchers_;  // guarded by mutex_
  bool ended_ = false;             // guarded by mutex_
};

}  // namespace worldshare::dispatcher
