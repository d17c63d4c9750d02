#include "shared/messages/ticket.h"

#include <algorithm>
#include <bit>

namespace worldshare::messages {
namespace {

constexpr std::size_t kHashBytes = sizeof(Digest);
constexpr std::size_t kStepBytes = 1 + kHashBytes;
constexpr std::size_t kMostSteps = std::bit_width(kTicketsOfASignature) - 1;
/// Roots that are remembered: more than leases are out at a time in large farms.
constexpr std::size_t kRemembered = 16'384;

enum Side : std::uint8_t { kLeft = 0, kRight = 1 };

Digest leaf_of(const Ticket& ticket) {
  Sha256 hash;
  hash.update(Bytes{0});
  hash.update(as_bytes(ticket_text(ticket)));
  return hash.finish();
}

Digest node_of(ByteView left, ByteView right) {
  Sha256 hash;
  hash.update(Bytes{1});
  hash.update(left);
  hash.update(right);
  return hash.finish();
}

std::string root_text(const Digest& root) { return "worldshare tickets 3\n" + to_hex(root) + "\n"; }

void append(Bytes& to, ByteView bytes) { to.insert(to.end(), bytes.begin(), bytes.end()); }

/// Two and more tickets under one signature.
std::vector<Bytes> sign_together(const NKey& dispatcher, std::span<const Ticket> tickets) {
  std::vector<Digest> level;
  for (const auto& ticket : tickets) level.push_back(leaf_of(ticket));
  std::vector<Bytes> ways(tickets.size());
  for (std::size_t width = 1; level.size() > 1; width *= 2) {
    std::vector<Digest> above;
    for (std::size_t i = 0; i < level.size(); i += 2) {
      // Who has no neighbour goes up as it is.
      above.push_back(i + 1 < level.size() ? node_of(level[i], level[i + 1]) : level[i]);
    }
    for (std::size_t i = 0; i < ways.size(); ++i) {
      const std::size_t at = i / width;
      const std::size_t neighbour = at ^ 1U;
      if (neighbour >= level.size()) continue;
      ways[i].push_back(neighbour < at ? kLeft : kRight);
      append(ways[i], level[neighbour]);
    }
    level = std::move(above);
  }
  const Bytes signature = dispatcher.sign(as_bytes(root_text(level.front())));
  std::vector<Bytes> out;
  for (const auto& way : ways) {
    out.push_back(signature);
    append(out.back(), way);
  }
  return out;
}

}  // namespace

std::string ticket_text(const Ticket& ticket) {
  const bool whole = is_whole_frame(ticket.shard);
  const std::string what = whole ? std::to_string(ticket.shard.frame) : shard_text(ticket.shard);
  return std::string("worldshare ticket ") + (whole ? "1" : "2") + "\n" + ticket.lease + "\n" +
         ticket.agent + "\n" + ticket.scene_sha256 + "\n" + what + "\n";
}

Bytes sign_ticket(const NKey& dispatcher, const Ticket& ticket) {
  return dispatcher.sign(as_bytes(ticket_text(ticket)));
}

std::vector<Bytes> sign_tickets(const NKey& dispatcher, std::span<const Ticket> tickets) {
  std::vector<Bytes> out;
  while (!tickets.empty()) {
    const auto some = tickets.first(std::min(tickets.size(), kTicketsOfASignature));
    if (some.size() == 1) {
      out.push_back(sign_ticket(dispatcher, some.front()));
    } else {
      std::ranges::move(sign_together(dispatcher, some), std::back_inserter(out));
    }
    tickets = tickets.subspan(some.size());
  }
  return out;
}

bool is_ticket(ByteView bytes) {
  return bytes.size() >= kSignatureBytes &&
         bytes.size() <= kSignatureBytes + kMostSteps * kStepBytes &&
         (bytes.size() - kSignatureBytes) % kStepBytes == 0;
}

TicketCheck::TicketCheck(std::string dispatcher_public_key)
    : dispatcher_(std::move(dispatcher_public_key)) {}

bool TicketCheck::holds(const Ticket& ticket, ByteView bytes) {
  if (!is_ticket(bytes)) return false;
  const ByteView signature = bytes.first(kSignatureBytes);
  ByteView way = bytes.subspan(kSignatureBytes);
  if (way.empty()) return verify_signature(dispatcher_, as_bytes(ticket_text(ticket)), signature);
  Digest root = leaf_of(ticket);
  for (; !way.empty(); way = way.subspan(kStepBytes)) {
    if (way[0] > kRight) return false;
    const ByteView neighbour = way.subspan(1, kHashBytes);
    root = way[0] == kLeft ? node_of(neighbour, root) : node_of(root, neighbour);
  }
  const std::string text = root_text(root);
  std::string known = text + std::string(as_text(signature));
  if (good_.contains(known)) return true;
  if (!verify_signature(dispatcher_, as_bytes(text), signature)) return false;
  if (good_.size() >= kRemembered) good_.clear();
  good_.insert(std::move(known));
  return true;
}

}  // namespace worldshare::messages
