#include "shared/messages/ticket.h"

namespace worldshare::messages {

std::string ticket_text(const Ticket& ticket) {
  const bool whole = is_whole_frame(ticket.shard);
  const std::string what = whole ? std::to_string(ticket.shard.frame) : shard_text(ticket.shard);
  return std::string("worldshare ticket ") + (whole ? "1" : "2") + "\n" + ticket.lease + "\n" +
         ticket.agent + "\n" + ticket.scene_sha256 + "\n" + what + "\n";
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
