#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "shared/bytes.h"
#include "shared/result.h"

namespace worldshare::nats {

struct ConnectOptions {
  std::string url = "nats://127.0.0.1:4222";  ///< tls://host:port: encrypted, the broker verified
  std::filesystem::path ca_file;  ///< whom to trust with tls://, PEM; empty: the system's
  std::string name;               ///< shown by `nats server report connections`
  std::string seed;               ///< nkey seed ("SU..."); empty connects without authentication
  /// What a broker that trusts JWTs asks for beside the seed's signature, read anew for every
  /// connection; empty: it knows the key.
  std::filesystem::path jwt_file;
  std::chrono::milliseconds timeout{2000};
};

/// A received message. Owns its bytes. Movable, not copyable.
class Message {
 public:
  Message();
  ~Message();
  Message(Message&&) noexcept;
  Message& operator=(Message&&) noexcept;

  std::string_view subject() const;
  /// Empty when there is none.
  std::string_view reply() const;
  ByteView data() const;
  /// The header's first value; empty when absent. Not thread-safe.
  std::string header(const char* key) const;

 private:
  friend class Subscription;
  friend class Connection;
  friend class PullConsumer;
  friend class StoredPublisher;
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

using Headers = std::vector<std::pair<std::string, std::string>>;

/// What JetStream answers to a stored publish.
struct PubAck {
  std::string stream;
  std::uint64_t sequence = 0;
  bool duplicate = false;
};

class Connection;

/// A synchronous core subscription. Used by one thread at a time; must not outlive its Connection.
class Subscription {
 public:
  ~Subscription();
  Subscription(Subscription&&) noexcept;
  Subscription& operator=(Subscription&&) noexcept;
  /// The next message, nothing when `timeout` passes, kUnavailable once the subscription or the
  /// connection is closed.
  Result<std::optional<Message>> next(std::chrono::milliseconds timeout);

 private:
  friend class Connection;
  Subscription();
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

/// One connection to the broker. Made anew for ever when it is cut off (after 0.1 s, growing to 2
/// s, jittered); while disconnected, publishes fail with kUnavailable at once rather than being
/// buffered, because a late publish would carry stale state. All methods are thread-safe.
///
/// Works around two faults of nats.c 3.4.1: one nkey authentication in 256 fails (retried here),
/// and connecting to a server that falls silent never returns (given up after 3 x timeout, the
/// attempt's thread is left behind).
class Connection {
 public:
  static Result<std::unique_ptr<Connection>> open(const ConnectOptions& options);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  bool connected() const;
  /// Why there is no connection, with what to do, as far as it is known; empty while there is one.
  std::string trouble() const;
  /// "_INBOX.<public key>": all replies to this connection arrive below it.
  const std::string& inbox_prefix() const;

  /// Core publish, at most once.
  Result<> publish(const std::string& subject,
                   ByteView data,
                   const Headers& headers = {},
                   const std::string& reply = {});
  /// Core request; kTimeout, or kUnavailable when nobody listens.
  Result<Message> request(const std::string& subject,
                          ByteView data,
                          std::chrono::milliseconds timeout,
                          const Headers& headers = {});
  /// A publish that JetStream has stored when this returns. `message_id` deduplicates retries;
  /// `summary` is a line for people who look at the stream with the NATS CLI (header "Summary").
  Result<PubAck> publish_stored(const std::string& subject,
                                ByteView data,
                                const std::string& message_id,
                                const std::string& summary,
                                std::chrono::milliseconds timeout);
  /// `queue` may be empty. The subscription survives reconnects.
  Result<Subscription> subscribe(const std::string& subject, const std::string& queue = {});
  /// Returns when the server has everything that was published before.
  Result<> flush(std::chrono::milliseconds timeout);

 private:
  friend class Subscription;
  friend class PullConsumer;
  friend class StoredPublisher;
  Connection();
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace worldshare::nats
