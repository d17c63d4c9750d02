#pragma once

#include <chrono>
#include <filesystem>
#include <string>

#include "shared/result.h"

namespace worldshare::nats {

/// Looks for the address of a broker. kUnavailable: its name is not known, or no name server
/// answers; the message says what to do. Blocks for as long as the system's resolver waits.
Result<> find_broker(const std::string& url);

/// Goes to the broker at tls:// or nats://host:port as a client would, as far as its greeting or
/// the TLS handshake behind it, and tells what is wrong, with the remedy: kDenied (its
/// certificate), kUnavailable (its name, nobody there, silence, no TLS). Sends nothing else.
Result<> examine_broker(const std::string& url,
                        const std::filesystem::path& ca_file,
                        std::chrono::milliseconds timeout);

/// As above, and says PING until it hears anything. A broker notes that as an attempt without a
/// key.
Result<> probe_broker(const std::string& url,
                      const std::filesystem::path& ca_file,
                      std::chrono::milliseconds timeout);

}  // namespace worldshare::nats
