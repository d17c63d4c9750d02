#pragma once

#include <filesystem>
#include <string>

#include "shared/result.h"

namespace worldshare::dispatcher {

/// Has the nats-server whose pid `pid_file` holds read its configuration, and returns when it has.
/// It reads it twice: nats-server 2.9 gives an account that is new in a reload its imports only in
/// the next one. `monitor_url` is the server's monitoring address, http://host:port, which tells
/// when it last read. kUnavailable when there is no such process or it does not follow.
Result<> reload_broker(const std::filesystem::path& pid_file, const std::string& monitor_url);

}  // namespace worldshare::dispatcher
