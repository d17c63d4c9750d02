#pragma once

#include "dispatcher/gateway/gateway.h"
#include "shared/messages/messages.h"

namespace worldshare::dispatcher {

/// Tells the economy that a row was changed.
void nudge(Gateway& gateway, const std::string& about, const wire::EventT& event);

/// Tells people what happened to a job, on events.<job>.<kind>. News and not truth: it may be lost.
void announce(Gateway& gateway,
              wire::EventKind kind,
              const std::string& job,
              std::int32_t frame = 0);

}  // namespace worldshare::dispatcher
