#include "shared/messages/ticket.h"

namespace worldshare::messages {

std::string ticket_text(const Ticket& ticket) {
  return "worldshare ticket 1\n" + ticket.lease + "\n" + ticket.agent + "\n" + ticket.scene_sha256 +
         "\n" + std::to_string(ticket.frame) + "\n";
}

Bytes sign_ticket(const NKey& dispatcher, const Ticket& ticket) {
  return dispatcher.sign(as_bytes(ticket_text(ticket)));
}

bool check_ticket(const std::string& dispatcher_public_key,
                  const Ticket& ticket,
                  ByteView signature) {
  return verify_signature(dispatcher_public_key, as_bytes(ticket_text(ticket)), signature);
}

}  // namespace worldshare::messages
