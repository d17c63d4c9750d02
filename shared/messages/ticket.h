#pragma once

#include <cstdint>
#include <string>

#include "shared/bytes.h"
#include "shared/crypto.h"

namespace worldshare::messages {

/// What the dispatcher signs when it gives a lease, and what the verifier checks when the result
/// comes back: this lease was given to this agent for this frame of this scene.
struct Ticket {
  std::string lease;
  std::string agent;
  std::string scene_sha256;
  std::int32_t frame = 0;
};

std::string ticket_text(const Ticket& ticket);
Bytes sign_ticket(const NKey& dispatcher, const Ticket& ticket);
bool check_ticket(const std::string& dispatcher_public_key,
                  const Ticket& ticket,
                  ByteView signature);

}  // namespace worldshare::messages
