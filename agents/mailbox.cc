#include "agents/mailbox.h"

#include <spdlog/spdlog.h>

#include <charconv>

#include "shared/crypto.h"
#include "shared/ids.h"
#include "shared/messages/ticket.h"
#include "shared/signals.h"

namespace worldshare::agent {
namespace {

using std::chrono::milliseconds;

/// An assignment that can be worked on at all.
bool is_complete(const wire::AssignmentT& assignment) {
  return is_id(assignment.lease) && messages::is_ticket(assignment.ticket) &&
         assignment.scene != nullptr && is_sha256_hex(assignment.scene->sha256) &&
         assignment.output != nullptr && assignment.output->width > 0 &&
         assignment.output->height > 0;
}

}  // namespace

Result<Mailbox> Mailbox::open(DispatcherClient& client, std::string agent, std::uint32_t slots) {
  auto messages = client.subscribe_mailbox();
  if (!messages) return std::unexpected(messages.error());
  return Mailbox(std::move(*messages), std::move(agent), slots);
}

void Mailbox::read(const std::stop_token& stop, Reader& reader) {
  while (!stop.stop_requested()) {
    auto message = messages_.next(milliseconds(200));
    if (!message) {
      spdlog::error("mailbox is closed reason=\"{}\"", message.error().message);
      if (!sleep_unless_stopped(stop, milliseconds(1000))) return;
    } else if (*message) {
      take(**message, reader);
    }
  }
}

void Mailbox::take(const nats::Message& message, Reader& reader) const {
  const std::string_view subject = message.subject();
  const bool for_me = subject.starts_with(prefix_);
  const std::string_view token = for_me ? subject.substr(prefix_.size()) : std::string_view();
  if (token == "next") return take_hint(message, reader);
  std::uint32_t slot = 0;
  const auto [end, error] = std::from_chars(token.data(), token.data() + token.size(), slot);
  if (!for_me || error != std::errc{} || slot >= slots_) {
    spdlog::warn("message for nobody here subject={}", subject);
    return;
  }
  auto work = messages::decode<wire::WorkT>(message.data());
  if (!work) {
    spdlog::warn("mailbox message is damaged slot={} reason=\"{}\"", slot, work.error().message);
    return;
  }
  if (auto* assignment = work->body.AsAssignment()) {
    if (is_complete(*assignment)) {
      reader.assign(slot, std::move(*assignment));
    } else {
      spdlog::warn("assignment lacks something slot={} lease={}", slot, assignment->lease);
    }
  } else if (const auto* over = work->body.AsStop()) {
    reader.stop_lease(slot, *over);
  }
}

void Mailbox::take_hint(const nats::Message& message, Reader& reader) {
  auto work = messages::decode<wire::WorkT>(message.data());
  auto* next = work ? work->body.AsNextScene() : nullptr;
  if (next == nullptr || next->scene == nullptr || !is_sha256_hex(next->scene->sha256)) {
    spdlog::warn("hint is not understood");
    return;
  }
  reader.expect(std::move(*next));
}

}  // namespace worldshare::agent
