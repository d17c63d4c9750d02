#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <string>

#include "shared/crypto.h"

namespace worldshare::testing {

/// A NATS client of some 40 lines that shares no code with ours: it says who it is and listens.
class RawNats {
 public:
  /// Connects and authenticates; accepted() tells whether it was let in.
  /// `jwt`: shown where the broker trusts JWTs; empty: it knows the key.
  RawNats(std::uint16_t port, const NKey& key, const std::string& jwt = {});
  bool accepted() const { return accepted_; }
  /// The server's word when it was not.
  const std::string& answer() const { return answer_; }
  /// Waits until the server has closed the connection; false when it did not within `time`.
  bool is_cut_off(std::chrono::seconds time);

 private:
  std::string line();
  boost::asio::ip::tcp::iostream stream_;
  std::string answer_;
  bool accepted_ = false;
};

}  // namespace worldshare::testing
