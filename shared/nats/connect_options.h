#pragma once

#include <nats/nats.h>

#include <string>

#include "shared/nats/connection.h"
#include "shared/unique_handle.h"

/// Private to shared/nats.
namespace worldshare::nats {

using OptionsHandle = UniqueHandle<natsOptions, natsOptions_Destroy>;

/// nats.c's options for `options`. kInvalid for a bad seed or URL.
Result<OptionsHandle> make_options(const ConnectOptions& options, const std::string& inbox_prefix);

}  // namespace worldshare::nats
