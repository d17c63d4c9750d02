#pragma once

#include <nats/nats.h>

#include <memory>
#include <stop_token>
#include <string>

#include "shared/nats/connection.h"
#include "shared/unique_handle.h"

/// Private to shared/nats.
namespace worldshare::nats {

using MessageHandle = UniqueHandle<natsMsg, natsMsg_Destroy>;

/// What the caller of a nats.c function can do about its status.
Errc errc_of(natsStatus status);
std::unexpected<Error> failed(const std::string& what, natsStatus status);

/// Whether `subject` can be sent as it is: no blanks or control characters, no empty token.
bool is_sendable(const std::string& subject);

/// One nats.c connection. It ends when it is cut off; the Connection puts another in its place.
/// Subscriptions share it, so that it outlives their handles. Thread-safe.
class Link {
 public:
  /// Returns at the latest after 3 x options.timeout, or when `stop` is requested.
  static Result<std::shared_ptr<Link>> connect(const ConnectOptions& options,
                                               const std::string& inbox_prefix,
                                               std::stop_token stop);
  explicit Link(natsConnection* handle);
  /// Waits for nats.c's threads a while, then leaves them behind.
  ~Link();
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  natsConnection* get() const { return handle_; }
  bool connected() const;
  bool closed() const;

 private:
  natsConnection* handle_;
};

/// A synchronous subscription on one link. Used by one thread at a time.
class LinkSubscription {
 public:
  static Result<LinkSubscription> open(std::shared_ptr<Link> link,
                                       const std::string& subject,
                                       const std::string& queue);
  LinkSubscription(LinkSubscription&&) noexcept = default;
  LinkSubscription& operator=(LinkSubscription&&) noexcept;
  ~LinkSubscription();
  /// NATS_TIMEOUT when none came. A "no responders" status is a message like any other.
  natsStatus next(MessageHandle& message, std::chrono::milliseconds timeout);
  /// Messages that wait here.
  std::uint64_t queued() const;
  const std::shared_ptr<Link>& link() const { return link_; }

 private:
  LinkSubscription(std::shared_ptr<Link> link, natsSubscription* handle);
  void close();
  std::shared_ptr<Link> link_;
  UniqueHandle<natsSubscription, natsSubscription_Destroy> handle_;
};

}  // namespace worldshare::nats
