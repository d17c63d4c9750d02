#pragma once

#include <cstdint>
#include <string>

#include "agents/config.h"

namespace worldshare::agent {

/// What is lacking on the disk of the work folder until `limits.free_bytes` are free there.
std::uint64_t lacking_disk_bytes(const Config& config);

/// What may still be written there until no more than `limits.free_bytes` are free.
std::uint64_t usable_disk_bytes(const Config& config);

/// Why this disk is too full to work, for people, with what to do; empty: it is not.
std::string disk_objection(const Config& config);

}  // namespace worldshare::agent
