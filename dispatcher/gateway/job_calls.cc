#include <charconv>

#include "dispatcher/gateway/announce.h"
#include "dispatcher/gateway/artifact_url.h"
#include "dispatcher/gateway/control.h"
#include "dispatcher/gateway/handlers.h"
#include "dispatcher/gateway/list_reply.h"
#include "dispatcher/gateway/lists.h"
#include "dispatcher/gateway/quota.h"
#include "dispatcher/gateway/replies.h"
#include "dispatcher/gateway/status.h"
#include "shared/http/conditional.h"

namespace worldshare::dispatcher {
namespace {

constexpr std::chrono::milliseconds kAnswerTime{400};

std::string value(const Call& call, const char* name) {
  const auto found = call.query.find(name);
  return found == call.query.end() ? std::string() : found->second;
}

/// A state to filter by: empty or one of these words.
Result<std::string> state_of(const Call& call, std::string_view words) {
  const std::string state = value(call, "state");
  const std::string spaced = " " + std::string(words) + " ";
  if (state.empty() || (spaced.contains(" " + state + " "))) return state;
  return fail(Errc::kInvalid, "state: must be one of: " + std::string(words));
}

}  // namespace

http::Reply list_jobs(Gateway& gateway, const Call& call) {
  const auto state = state_of(call, "queued active paused completed failed cancelled");
  if (!state) return problem(state.error());
  const JobFilter filter{*state, messages::clean_text(value(call, "search"), 200)};
  return list(gateway, call, kJobOrder, [&](pg::Connection& pg, const Page& page) {
    return job_list(pg, call.caller.tenant_seen(), filter, page, artifact_urls(gateway));
  });
}

http::Reply list_units(Gateway& gateway, const Call& call) {
  const auto state = state_of(call, "open accepted failed cancelled replaced");
  if (!state) return problem(state.error());
  return list(gateway, call, kUnitOrder, [&](pg::Connection& pg, const Page& page) {
    return unit_list(pg, call.caller.tenant_seen(), call.path[0], *state, page);
  });
}

http::Reply list_frames(Gateway& gateway, const Call& call) {
  const auto state = state_of(call, "queued in_work accepted failed cancelled");
  if (!state) return problem(state.error());
  return list(gateway, call, kFrameOrder, [&](pg::Connection& pg, const Page& page) {
    return frame_list(pg, call.caller.tenant_seen(), call.path[0], *state, page,
                      artifact_urls(gateway));
  });
}

http::Reply list_nodes(Gateway& gateway, const Call& call) {
  const Caller& caller = call.caller;
  std::string owner = value(call, "owner");
  if (caller.role == Role::volunteer) {
    if (!owner.empty() && owner != caller.owner)
      return problem(404, "there is no such owner of yours");
    owner = caller.owner;
  }
  return list(gateway, call, kNodeOrder, [&](pg::Connection& pg, const Page& page) {
    return node_list(pg, gateway.histories, owner, page);
  });
}

http::Reply list_owners(Gateway& gateway, const Call& call) {
  return list(gateway, call, kOwnerOrder,
              [&](pg::Connection& pg, const Page& page) { return owner_list(pg, page); });
}

http::Reply submit_job(Gateway& gateway, const Call& call) {
  auto pg = gateway.pool.borrow();
  if (!pg) return problem(pg.error());
  if (auto refused = over_quota(**pg, call.caller.tenant, "", 0)) return std::move(*refused);
  const auto key = call.request.headers.find("idempotency-key");
  const std::string chosen = key == call.request.headers.end() ? "" : key->second;
  const auto accepted = gateway.intake.submit(**pg, call.caller.tenant, call.request.body, chosen);
  if (!accepted) return problem(accepted.error());
  if (accepted->is_new) announce(gateway, wire::EventKind::job_accepted, accepted->job);
  wire::JobCreatedT created;
  created.id = accepted->job;
  created.frames = accepted->frames;
  http::Reply reply = json(accepted->is_new ? 201 : 200, created);
  reply.headers["Location"] = "/v1/jobs/" + accepted->job;
  return reply;
}

/// Its connection goes back before anybody waits for the economy's answer.
static Result<wire::JobStatusT> read_status(Gateway& gateway, const Call& call) {
  auto pg = gateway.pool.borrow();
  if (!pg) return std::unexpected(pg.error());
  return job_status(**pg, gateway.shares, call.caller.tenant_seen(), call.path[0]);
}

/// A live job's clock runs on though nothing else changes.
static std::string without_clock(const std::string& json) {
  const auto begin = json.find("\"elapsed_seconds\": ");
  if (begin == std::string::npos) return json;
  return json.substr(0, begin) + json.substr(json.find_first_of(",}", begin));
}

http::Reply get_job(Gateway& gateway, const Call& call) {
  auto status = read_status(gateway, call);
  if (!status) return problem(status.error());
  const bool live =
      status->state == "queued" || status->state == "active" || status->state == "paused";
  if (live && status->replicas_in_work == 0)
    status->waiting = gateway.parts.board.why_waiting(status->id, kAnswerTime);
  http::Reply reply = json(200, *status);
  const std::string tag = http::weak_tag(live ? without_clock(reply.body) : reply.body);
  return http::with_tag(call.request, std::move(reply), tag);
}

http::Reply control_job_now(Gateway& gateway, const Call& call) {
  const std::string& job = call.path[0];
  const auto control = messages::parse_json<wire::JobControlT>(call.request.body);
  if (!control) return problem(control.error());
  auto pg = gateway.pool.borrow();
  if (!pg) return problem(pg.error());
  const auto done = control_job(**pg, call.caller.tenant_seen(), job, *control);
  if (!done) return problem(done.error());
  wire::EventT event;
  event.job = job;
  const bool first = control->action == wire::ControlAction::first;
  event.kind = first ? wire::EventKind::frame_wanted : wire::EventKind::job_changed;
  event.frame = control->frame.value_or(0);
  nudge(gateway, job, event);
  announce(gateway, event.kind, job, event.frame);
  return json(200, *done);
}

http::Reply get_frame(Gateway& gateway, const Call& call) {
  const std::string& frame = call.path[1];
  std::int32_t number = 0;
  const auto [end, error] = std::from_chars(frame.data(), frame.data() + frame.size(), number);
  if (error != std::errc() || end != frame.data() + frame.size())
    return problem(400, "frame: must be a frame number");
  auto pg = gateway.pool.borrow();
  if (!pg) return problem(pg.error());
  const auto status =
      frame_status(**pg, call.caller.tenant_seen(), call.path[0], number, artifact_urls(gateway));
  return status ? json(200, *status) : problem(status.error());
}

http::Reply control_node_now(Gateway& gateway, const Call& call) {
  const auto wanted = messages::parse_json<wire::NodeControlT>(call.request.body);
  if (!wanted) return problem(wanted.error());
  auto pg = gateway.pool.borrow();
  if (!pg) return problem(pg.error());
  if (auto ok = control_node(**pg, call.path[0], *wanted); !ok) return problem(ok.error());
  if (wanted->action == wire::NodeAction::revoke) gateway.parts.enrolment.roster().wake();
  wire::EventT event;
  event.kind = wire::EventKind::agent_changed;
  event.owner = call.path[0];
  nudge(gateway, "nodes", event);
  announce(gateway, event.kind, "nodes");
  return http::Reply{200, "application/json", "{}", {}, {}};
}

}  // namespace worldshare::dispatcher
