#include "dispatcher/gateway/announce.h"

#include "shared/ids.h"
#include "shared/log.h"

namespace worldshare::dispatcher {
namespace {

constexpr std::chrono::milliseconds kNudgeTime{2000};

}  // namespace

void nudge(Gateway& gateway, const std::string& about, const wire::EventT& event) {
  const auto stored = gateway.parts.nats.publish_stored(
      "jobs.control." + about, messages::encode(event), new_id(), "control " + about, kNudgeTime);
  // The economy looks at the tables by itself every few seconds.
  if (!stored) spdlog::warn("nudge not sent about={} error=\"{}\"", about, stored.error().message);
}

void announce(Gateway& gateway, wire::EventKind kind, const std::string& job, std::int32_t frame) {
  wire::EventT event;
  event.job = job;
  event.kind = kind;
  event.frame = frame;
  event.time_ms = unix_ms(gateway.parts.clock.now());
  const std::string name = wire::EnumNameEventKind(kind);
  (void)gateway.parts.nats.publish("events." + job + "." + name, messages::encode(event),
                                   {{"Summary", name + " " + job}});
}

}  // namespace worldshare::dispatcher
