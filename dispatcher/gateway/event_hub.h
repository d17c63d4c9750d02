#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "shared/http/out_stream.h"
#include "shared/nats/connection.h"
#include "shared/nats/stream_reader.h"

namespace worldshare::dispatcher {

/// Hands what happens (the stream EVENTS) to everybody who watches, as server-sent events: one
/// consumer at the broker for the whole process, and the last events in memory for clients that
/// come back. An event's id is its sequence in the stream. Thread-safe.
class EventHub {
 public:
  explicit EventHub(nats::Connection& nats) : nats_(nats) {}

  /// Reads until `stop`, then ends all streams.
  void run(std::stop_token stop);

  /// A stream of the events of one job, or of all (""). It begins behind the event `after`; without
  /// one with what happens from now on. When events behind `after` are not kept any more, its first
  /// event is `reset`: the client reads the state anew.
  std::shared_ptr<http::OutStream> watch(const std::string& job,
                                         std::optional<std::uint64_t> after);
  std::size_t watchers() const;

 private:
  struct Line {
    std::uint64_t id = 0;
    std::string job;
    std::string text;  ///< as it is sent
  };
  struct Watcher {
    std::string job;
    std::shared_ptr<http::OutStream> stream;
  };
  Result<> read(std::stop_token stop);
  void end_all();
  void add(const nats::StreamReader::Item& item);
  std::string missed(const std::string& job, std::uint64_t after) const;  // with mutex_ held

  nats::Connection& nats_;
  std::uint64_t next_ = 0;  ///< of the reading thread: the sequence that it expects
  mutable std::mutex mutex_;
  std::uint64_t last_ = 0;         // guarded by mutex_: the newest id
  std::uint64_t forgotten_ = 0;    // guarded by mutex_: the newest id that is not kept
  std::deque<Line> lines_;         // guarded by mutex_
  std::vector<Watcher> watchers_;  // guarded by mutex_
  bool ended_ = false;             // guarded by mutex_
};

}  // namespace worldshare::dispatcher
