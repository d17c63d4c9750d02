#pragma once

#include <chrono>
#include <filesystem>
#include <string>

#include "shared/result.h"

namespace worldshare::nats {

/// Makes a TLS handshake with the broker at tls://host:port as a client would, and tells what is
/// wrong with it, with the remedy: kDenied (its certificate), kUnavailable (nobody there, no TLS).
/// Sends nothing else.
Result<> examine_tls(const std::string& url,
                     const std::filesystem::path& ca_file,
                     std::chrono::milliseconds timeout);

}  // namespace worldshare::nats
