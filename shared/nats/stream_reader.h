#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "shared/nats/connection.h"

namespace worldshare::nats {

/// Reads a stream in its order, without acknowledging: for whoever shows what happened. The broker
/// keeps nothing of it once it is gone (an ephemeral, "ordered" push consumer). One thread; must
/// not outlive the Connection.
class StreamReader {
 public:
  /// From the message `from` on, or from the oldest that is kept. kNotFound: no such stream.
  static Result<StreamReader> open(Connection& connection,
                                   const std::string& stream,
                                   std::uint64_t from);

  struct Item {
    std::uint64_t sequence = 0;  ///< in the stream
    Message message;
  };
  /// The next one, nothing when `timeout` passes. kUnavailable when the broker fell silent or
  /// something was lost: open another reader behind the last sequence that was seen.
  Result<std::optional<Item>> next(std::chrono::milliseconds timeout);

 private:
  explicit StreamReader(Subscription subscription)
      : subscription_(std::move(subscription)), heard_(std::chrono::steady_clock::now()) {}
  Subscription subscription_;
  std::uint64_t delivered_ = 0;  ///< by this consumer; without gaps
  std::chrono::steady_clock::time_point heard_;
};

struct StreamRange {
  std::uint64_t first = 0;
  std::uint64_t last = 0;  ///< 0: empty
};
/// Which sequences a stream holds.
Result<StreamRange> stream_range(Connection& connection, const std::string& stream);

}  // namespace worldshare::nats
