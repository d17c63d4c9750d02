#pragma once

#include "dispatcher/gateway/gateway.h"
#include "dispatcher/gateway/lists.h"

namespace worldshare::dispatcher {

/// Signed URLs to read artifacts. They stay the same for half of their lifetime, so that whoever
/// asks again finds the picture in its cache.
UrlFor artifact_urls(const Gateway& gateway);

}  // namespace worldshare::dispatcher
