#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "shared/nats/connection.h"
#include "shared/nats/link.h"

/// Private to shared/nats.
namespace worldshare::nats {

/// How long a wait may last before the connection is looked at again.
constexpr std::chrono::milliseconds kSlice{100};

/// What is left of the time up to `deadline`, rounded up; never negative.
inline std::chrono::milliseconds until(std::chrono::steady_clock::time_point deadline) {
  using std::chrono::milliseconds;
  return std::max(milliseconds(0),
                  std::chrono::ceil<milliseconds>(deadline - std::chrono::steady_clock::now()));
}

struct Message::Impl {
  MessageHandle handle;
};

/// Moves from link to link. Lock order: the connection's mutex, then this one.
struct Subscription::Impl {
  Connection::Impl* connection = nullptr;
  std::string subject;
  std::string queue;
  std::mutex mutex;
  std::shared_ptr<LinkSubscription> open;  // guarded by mutex

  Result<> move_to(const std::shared_ptr<Link>& link);
  std::shared_ptr<LinkSubscription> current();
};

/// Holds the current link and replaces one that ended.
struct Connection::Impl {
  ConnectOptions options;
  std::string inbox_prefix;
  mutable std::mutex mutex;
  std::condition_variable changed;
  std::shared_ptr<Link> link;                                    // guarded by mutex
  std::string trouble;                                           // guarded by mutex
  std::vector<std::weak_ptr<Subscription::Impl>> subscriptions;  // guarded by mutex
  std::jthread keeper;                                           // last: ends before what it uses

  std::shared_ptr<Link> current() const;
  /// kUnavailable unless connected now.
  Result<std::shared_ptr<Link>> ready() const;
  /// As ready(), waiting up to `timeout` for the broker to come back.
  Result<std::shared_ptr<Link>> wait_ready(std::chrono::milliseconds timeout) const;
  /// A link that has not ended for good, waiting up to `timeout` for a new one.
  Result<std::shared_ptr<Link>> wait_open(std::chrono::milliseconds timeout);
  void keep(std::stop_token stop);
  /// Says it once.
  void note_trouble(const std::string& reason);
  /// Takes a new link in the place of one that is closed or hangs.
  void replace(std::shared_ptr<Link> opened);
};

Result<> publish_on(const Link& link,
                    const std::string& subject,
                    const std::string& reply,
                    ByteView data,
                    const Headers& headers);

}  // namespace worldshare::nats
