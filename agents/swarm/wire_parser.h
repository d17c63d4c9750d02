#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "shared/bytes.h"
#include "shared/result.h"

namespace worldshare::swarm {

/// One message as the broker delivered it. The views live as long as the call that hands it out.
struct Delivery {
  std::string_view subject;
  std::string_view reply;   ///< empty: none
  std::string_view header;  ///< "NATS/1.0 503\r\n...", empty: none
  ByteView data;
};

/// What a broker says on a client's connection. Views as in Delivery.
struct WireEvents {
  std::function<void(std::string_view json)> info;
  std::function<void()> ping;
  std::function<void()> pong;
  std::function<void(std::string_view text)> error;
  std::function<void(const Delivery&)> message;
};

/// The client's side of the NATS protocol, as far as an agent needs it: takes bytes as they come
/// off a socket and calls back for each whole operation. One thread.
class WireParser {
 public:
  /// kCorrupt: what came is not the protocol, or a message is larger than `limit_bytes`; the
  /// connection is of no use any more.
  Result<> feed(std::string_view bytes, const WireEvents& events);

  static constexpr std::size_t kLimitBytes = 1U << 20U;

 private:
  /// Bytes of the operation at the start of `text`, 0 when it is not complete yet.
  static Result<std::size_t> take(std::string_view text, const WireEvents& events);
  std::string rest_;  ///< the beginning of an operation that is not complete
};

}  // namespace worldshare::swarm
