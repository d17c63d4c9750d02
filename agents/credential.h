#pragma once

#include <stop_token>

#include "agents/config.h"
#include "shared/clock.h"

/// The JWT that a broker may ask this agent for beside its key's signature.
namespace worldshare::agent {

/// Asks the farm's server for the next one and keeps it in config.nats_jwt_file, when a third of
/// the present one's life is left. True: it did. kDenied: this agent is not enrolled any more.
Result<bool> renew_credential(const Config& config,
                              const NKey& key,
                              Clock::TimePoint now,
                              std::stop_token stop);

/// Renews it in time, until `stop`. Returns at once where there is none.
void keep_credential(const Config& config, const NKey& key, std::stop_token stop);

}  // namespace worldshare::agent
