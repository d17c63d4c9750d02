#pragma once

#include <cstdint>
#include <stop_token>
#include <string>

#include "agents/dispatcher_client.h"
#include "shared/messages/messages.h"
#include "shared/nats/connection.h"

namespace worldshare::agent {

/// What the dispatcher writes to an agent: work for its slots, and hints. Messages that are
/// damaged, incomplete or for nobody here are logged and dropped. One thread.
class Mailbox {
 public:
  /// Who takes what came. `slot` is below `slots`.
  class Reader {
   public:
    virtual ~Reader() = default;
    virtual void assign(std::uint32_t slot, wire::AssignmentT assignment) = 0;
    virtual void stop_lease(std::uint32_t slot, const wire::StopT& stop) = 0;
    virtual void expect(wire::NextSceneT next) = 0;
  };

  static Result<Mailbox> open(DispatcherClient& client, std::string agent, std::uint32_t slots);
  /// Until `stop` is requested.
  void read(const std::stop_token& stop, Reader& reader);

 private:
  Mailbox(nats::Subscription messages, std::string agent, std::uint32_t slots)
      : messages_(std::move(messages)), prefix_("work." + agent + "."), slots_(slots) {}
  void take(const nats::Message& message, Reader& reader) const;
  static void take_hint(const nats::Message& message, Reader& reader);

  nats::Subscription messages_;
  std::string prefix_;
  std::uint32_t slots_;
};

}  // namespace worldshare::agent
