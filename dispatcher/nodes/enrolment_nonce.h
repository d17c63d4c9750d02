#pragma once

#include <string>

#include "shared/clock.h"
#include "shared/result.h"

namespace worldshare::dispatcher {

/// Nonces that an enrolling agent signs. Nothing is kept: a nonce carries its end and a MAC over
/// itself and the key that asked, so any dispatcher with the same secret knows it again. It may be
/// used twice while it is good; what must not happen twice hangs on the token. Thread-safe.
class EnrolmentNonce {
 public:
  /// `secret`: at least 32 bytes.
  explicit EnrolmentNonce(std::string secret);
  struct Challenge {
    std::string nonce;
    Clock::TimePoint expires;
  };
  Challenge make(const std::string& agent, Clock::TimePoint now) const;
  /// kDenied: not ours, another key's, or too old; the message says which.
  Result<> check(const std::string& nonce, const std::string& agent, Clock::TimePoint now) const;

 private:
  std::string mac(const std::string& head, const std::string& agent) const;
  std::string secret_;
};

}  // namespace worldshare::dispatcher
