#include <charconv>

#include "dispatcher/gateway/handlers.h"
#include "dispatcher/gateway/replies.h"
#include "dispatcher/gateway/status.h"

namespace worldshare::dispatcher {
namespace {

http::Reply event_stream(Gateway& gateway, const Call& call, const std::string& job) {
  std::optional<std::uint64_t> after;
  const auto field = call.request.headers.find("last-event-id");
  if (field != call.request.headers.end()) {
    const std::string& text = field->second;
    std::uint64_t id = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
    if (error != std::errc() || end != text.data() + text.size())
      return problem(400, "Last-Event-ID: must be the id of an event of this API");
    after = id;
  }
  http::Reply reply{200, "text/event-stream", {}, {}, {}};
  reply.headers["Cache-Control"] = "no-store";
  reply.headers["X-Accel-Buffering"] = "no";  // a proxy in between shall pass it on at once
  if (call.request.method != "HEAD") {
    reply.stream = gateway.parts.events.watch(
        {job, call.caller.tenant_seen(), call.caller.token, call.caller.expires_ms}, after);
  }
  return reply;
}

}  // namespace

http::Reply stream_events(Gateway& gateway, const Call& call) {
  return event_stream(gateway, call, "");
}

http::Reply stream_job_events(Gateway& gateway, const Call& call) {
  auto pg = gateway.pool.borrow();
  if (!pg) return problem(pg.error());
  if (auto known = check_job(**pg, call.caller.tenant_seen(), call.path[0]); !known)
    return problem(known.error());
  return event_stream(gateway, call, call.path[0]);
}

}  // namespace worldshare::dispatcher
