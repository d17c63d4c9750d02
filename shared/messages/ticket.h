#pragma once

#include <string>

#include "shared/bytes.h"
#include "shared/crypto.h"
#include "shared/messages/shard.h"

namespace worldshare::messages {

/// What the dispatcher signs when it gives a lease, and what the verifier checks when the result
/// comes back: this lease was given to this agent for this shard of this scene.
struct Ticket {
  std::string lease;
  std::string agent;
  std::string scene_sha256;
  Shard shard;
};

/// Version 1 for a whole frame, version 2 for any other shard.
std::string ticket_text(const Ticket& ticket);
Bytes sign_ticket(const NKey& dispatcher, const Ticket& ticket);
bool check_ticket(const std::string& dispatcher_public_key,
                  const Ticket& ticket,
                  ByteView signature);

}  // namespace worldshare::messages
