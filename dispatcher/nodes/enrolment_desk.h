#pragma once

#include <optional>
#include <string>

#include "dispatcher/config.h"
#include "dispatcher/nodes/attempt_limit.h"
#include "dispatcher/nodes/broker_roster.h"
#include "dispatcher/nodes/credential.h"
#include "dispatcher/nodes/enrolment_nonce.h"
#include "shared/clock.h"

namespace worldshare::dispatcher {

/// What the gateway needs to let agents in. Thread-safe.
class EnrolmentDesk {
 public:
  struct Parts {
    const Config& config;
    EnrolmentNonce nonce;
    std::string broker_ca;  ///< PEM, told to agents; empty: they trust their system's authorities
    const Clock& clock;
    BrokerRoster& roster;
    std::optional<nats::AgentAuthority> authority;  ///< where the broker trusts JWTs
  };
  explicit EnrolmentDesk(Parts with)
      : parts_(std::move(with)),
        attempts_({.each = parts_.config.enrolment_attempts}, parts_.clock) {}

  const EnrolmentNonce& nonce() const { return parts_.nonce; }
  const std::string& broker_ca() const { return parts_.broker_ca; }
  const std::string& broker_url() const {
    return parts_.config.broker_public_url.empty() ? parts_.config.nats_url
                                                   : parts_.config.broker_public_url;
  }
  /// What the broker asks this agent for beside its key's signature; empty: nothing.
  std::string credential(const std::string& agent) const {
    if (!parts_.authority) return {};
    return credential_of(*parts_.authority, agent, parts_.config, parts_.clock.now());
  }
  AttemptLimit& attempts() { return attempts_; }
  BrokerRoster& roster() { return parts_.roster; }

 private:
  Parts parts_;
  AttemptLimit attempts_;
};

}  // namespace worldshare::dispatcher
