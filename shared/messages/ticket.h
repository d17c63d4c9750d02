#pragma once

#include <span>
#include <string>
#include <unordered_set>
#include <vector>

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

/// Of so many tickets at most the dispatcher makes one signature: a power of two.
inline constexpr std::size_t kTicketsOfASignature = 16;

/// Version 1 for a whole frame, version 2 for any other shard.
std::string ticket_text(const Ticket& ticket);
/// 64 bytes: the signature over ticket_text().
Bytes sign_ticket(const NKey& dispatcher, const Ticket& ticket);
/// Tickets under few signatures, one for kTicketsOfASignature of them: each is the signature over
/// the root of a Merkle tree (hashed as RFC 6962, 2.1 does) and the ticket's way up to it, for each
/// step a byte (0: the neighbour is the left one, 1: the right one) and the neighbour's SHA-256.
/// Who is left alone gets what sign_ticket() makes.
std::vector<Bytes> sign_tickets(const NKey& dispatcher, std::span<const Ticket> tickets);

/// Whether it has the length of a ticket of either kind.
bool is_ticket(ByteView bytes);

/// Checks tickets, and remembers the roots whose signatures were good. Not thread-safe.
class TicketCheck {
 public:
  explicit TicketCheck(std::string dispatcher_public_key);
  bool holds(const Ticket& ticket, ByteView bytes);

 private:
  const std::string dispatcher_;
  std::unordered_set<std::string> good_;  // signed text and signature
};

}  // namespace worldshare::messages
