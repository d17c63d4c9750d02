#pragma once

#include "dispatcher/gateway/gateway.h"
#include "shared/messages/messages.h"

namespace worldshare::dispatcher {

/// Whether this copy can serve: every dependency, and where one is not as it should be, why. The
/// reasons name no host and no user, because anybody may ask.
wire::ReadinessT readiness_of(Gateway& gateway);

}  // namespace worldshare::dispatcher
