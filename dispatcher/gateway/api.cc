#include "dispatcher/gateway/api.h"

#include <charconv>
#include <optional>

#include "dispatcher/gateway/control.h"
#include "dispatcher/gateway/lists.h"
#include "dispatcher/gateway/metrics_text.h"
#include "dispatcher/gateway/replies.h"
#include "dispatcher/gateway/status.h"
#include "dispatcher/gateway/trust_views.h"
#include "shared/ids.h"
#include "shared/log.h"
#include "shared/messages/manifest.h"

namespace worldshare::dispatcher {
namespace {

constexpr const char* kTenant = "local";
constexpr std::chrono::milliseconds kAnswerTime{400};
constexpr std::chrono::milliseconds kNudgeTime{2000};
constexpr int kMostLines = 1'000;

std::optional<std::uint64_t> content_length(const http::Request& head) {
  const auto field = head.headers.find("content-length");
  if (field == head.headers.end()) return std::nullopt;
  std::uint64_t value = 0;
  const auto& text = field->second;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// "/v1/jobs/x/frames/3" → {"v1", "jobs", "x", "frames", "3"}
std::vector<std::string> split(const std::string& path) {
  std::vector<std::string> parts;
  for (std::size_t begin = 1; begin <= path.size();) {
    const auto end = std::min(path.find('/', begin), path.size());
    parts.push_back(path.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

bool is_blob_path(const std::vector<std::string>& parts) {
  return parts.size() == 3 && parts[0] == "v1" && parts[1] == "blobs";
}

}  // namespace

Api::Api(Parts parts)
    : parts_(std::move(parts)),
      pool_(parts_.config.postgres_conninfo),
      intake_(parts_.config, parts_.store, parts_.nats) {}

bool Api::authorised(const http::Request& request) const {
  if (parts_.token.empty()) return true;
  const auto field = request.headers.find("authorization");
  return field != request.headers.end() &&
         equal_constant_time(field->second, "Bearer " + parts_.token);
}

http::HeadDecision Api::on_head(const http::Request& head) {
  const auto parts = split(head.path);
  if (is_blob_path(parts) && head.method == "PUT") return put_blob(head, parts[2]);
  return http::NeedBody{messages::ManifestLimits{}.json_bytes};
}

http::Reply Api::on_request(const http::Request& request) {
  const auto parts = split(request.path);
  const bool get = request.method == "GET" || request.method == "HEAD";
  if (get && parts.size() == 1 && parts[0] == "health") return health();
  if (get && is_blob_path(parts)) return get_blob(request, parts[2]);
  if (!authorised(request)) {
    return problem(401, "Unauthorized", "send the API token as 'Authorization: Bearer TOKEN'");
  }
  const bool v1 = parts.size() >= 2 && parts[0] == "v1";
  if (get && parts.size() == 1 && parts[0] == "metrics")
    return {200, "text/plain; version=0.0.4", metrics_text(parts_.board.read()), {}, {}};
  if (v1 && parts[1] == "jobs") {
    if (auto reply = on_jobs(request, parts)) return std::move(*reply);
  }
  if (v1 && parts[1] == "nodes") {
    if (auto reply = on_nodes(request, parts)) return std::move(*reply);
  }
  if (auto reply = on_trust(pool_, request, parts)) return std::move(*reply);
  if (v1 && get && parts.size() == 2 && parts[1] == "queue")
    return json(200, queue_status(parts_.board.read()));
  return problem(404, "Not Found", "there is no " + request.method + " " + request.path);
}

std::optional<http::Reply> Api::on_jobs(const http::Request& request,
                                        const std::vector<std::string>& parts) {
  const bool get = request.method == "GET" || request.method == "HEAD";
  const bool post = request.method == "POST";
  if (post && parts.size() == 2) return post_job(request);
  if (get && parts.size() == 2)
    return list([](pg::Connection& pg) { return job_list(pg, kTenant, kMostLines); });
  if (get && parts.size() == 3) return get_job(parts[2]);
  if (get && parts.size() == 4 && parts[3] == "units")
    return list([&](pg::Connection& pg) { return unit_list(pg, kTenant, parts[2], kMostLines); });
  if (post && parts.size() == 4 && parts[3] == "control") return post_control(request, parts[2]);
  if (get && parts.size() == 5 && parts[3] == "frames") return get_frame(parts[2], parts[4]);
  return std::nullopt;
}

std::optional<http::Reply> Api::on_nodes(const http::Request& request,
                                         const std::vector<std::string>& parts) {
  if (request.method == "GET" && parts.size() == 2)
    return list([](pg::Connection& pg) { return node_list(pg, kMostLines); });
  const bool control = parts.size() == 4 && parts[3] == "control" && request.method == "POST";
  if (!control) return std::nullopt;
  const auto wanted = messages::parse_json<wire::NodeControl>(request.body);
  if (!wanted) return problem(wanted.error());
  auto pg = pool_.borrow();
  if (!pg) return problem(pg.error());
  if (auto ok = control_node(**pg, parts[2], *wanted); !ok) return problem(ok.error());
  wire::EventT event;
  event.kind = wire::EventKind::agent_changed;
  event.owner = parts[2];
  nudge("nodes", event);
  return http::Reply{200, "application/json", "{}", {}, {}};
}

template <class Query>
http::Reply Api::list(Query query) {
  auto pg = pool_.borrow();
  if (!pg) return problem(pg.error());
  const auto table = query(**pg);
  return table ? json(200, *table) : problem(table.error());
}

http::Reply Api::post_control(const http::Request& request, const std::string& job) {
  const auto control = messages::parse_json<wire::JobControl>(request.body);
  if (!control) return problem(control.error());
  auto pg = pool_.borrow();
  if (!pg) return problem(pg.error());
  const auto done = control_job(**pg, kTenant, job, *control);
  if (!done) return problem(done.error());
  wire::EventT event;
  event.job = job;
  const bool first = control->action == wire::ControlAction::first;
  event.kind = first ? wire::EventKind::frame_wanted : wire::EventKind::job_changed;
  event.frame = control->frame.value_or(0);
  nudge(job, event);
  return json(200, *done);
}

void Api::nudge(const std::string& about, const wire::EventT& event) {
  const auto stored =
      parts_.nats.publish_stored("jobs.control." + about, messages::encode(event), new_id(),
                                 std::string("control ") + about, kNudgeTime);
  // The economy looks at the tables by itself every few seconds.
  if (!stored) spdlog::warn("nudge not sent about={} error=\"{}\"", about, stored.error().message);
}

http::HeadDecision Api::put_blob(const http::Request& head, const std::string& sha256) {
  if (!is_sha256_hex(sha256))
    return problem(400, "Bad Request", "sha256: 64 lower-case hex digits");
  std::uint64_t size = 0;
  if (const auto grant =
          parts_.signer.check(blobs::Access::kPut, sha256, head.query, parts_.clock.now())) {
    size = grant->size_bytes;
  } else if (!head.query.empty() || !authorised(head)) {
    return problem(grant.error());
  } else if (const auto length = content_length(head)) {
    size = *length;
    if (size > parts_.config.scene_limit_bytes) {
      return problem(413, "Content Too Large",
                     "at most " + std::to_string(parts_.config.scene_limit_bytes) + " bytes");
    }
  } else {
    return problem(411, "Length Required", "send Content-Length");
  }
  auto upload = parts_.store.begin(sha256, size);
  if (!upload) return problem(upload.error());
  return std::make_unique<BlobSink>(std::move(*upload));
}

http::Reply Api::get_blob(const http::Request& request, const std::string& sha256) {
  if (!is_sha256_hex(sha256))
    return problem(400, "Bad Request", "sha256: 64 lower-case hex digits");
  const auto grant =
      parts_.signer.check(blobs::Access::kGet, sha256, request.query, parts_.clock.now());
  if (!grant) {
    if (!request.query.empty() || !authorised(request)) return problem(grant.error());
    auto pg = pool_.borrow();
    if (!pg) return problem(pg.error());
    const auto readable = is_readable(**pg, kTenant, sha256);
    if (!readable) return problem(readable.error());
    if (!*readable) return problem(404, "Not Found", "there is no such blob of yours");
  }
  if (!parts_.store.size(sha256)) return problem(404, "Not Found", "there is no such blob");
  return {200, "application/octet-stream", {}, parts_.store.path(sha256).string(), {}};
}

http::Reply Api::post_job(const http::Request& request) {
  auto pg = pool_.borrow();
  if (!pg) return problem(pg.error());
  const auto key = request.headers.find("idempotency-key");
  const auto accepted =
      intake_.submit(**pg, kTenant, request.body, key == request.headers.end() ? "" : key->second);
  if (!accepted) return problem(accepted.error());
  wire::JobCreatedT created;
  created.id = accepted->job;
  created.frames = accepted->frames;
  http::Reply reply = json(accepted->is_new ? 201 : 200, created);
  reply.headers["Location"] = "/v1/jobs/" + accepted->job;
  return reply;
}

http::Reply Api::get_job(const std::string& id) {
  auto pg = pool_.borrow();
  if (!pg) return problem(pg.error());
  auto status = job_status(**pg, kTenant, id);
  if (!status) return problem(status.error());
  const bool live =
      status->state == "queued" || status->state == "active" || status->state == "paused";
  if (live && status->replicas_in_work == 0)
    status->waiting = parts_.board.why_waiting(id, kAnswerTime);
  return json(200, *status);
}

http::Reply Api::get_frame(const std::string& id, const std::string& frame) {
  std::int32_t number = 0;
  const auto [end, error] = std::from_chars(frame.data(), frame.data() + frame.size(), number);
  if (error != std::errc() || end != frame.data() + frame.size()) {
    return problem(400, "Bad Request", "frame: must be a frame number");
  }
  auto pg = pool_.borrow();
  if (!pg) return problem(pg.error());
  auto status = frame_status(**pg, kTenant, id, number);
  if (!status) return problem(status.error());
  if (status->state == "accepted") {
    status->url = parts_.signer.sign(blobs::Access::kGet, status->artifact, status->size_bytes,
                                     parts_.clock.now() + parts_.config.url_lifetime);
  }
  return json(200, *status);
}

http::Reply Api::health() {
  wire::HealthT health;
  health.version = WORLDSHARE_VERSION;
  health.leader = parts_.board.leads();
  health.nats = parts_.nats.connected() ? "connected" : "not connected";
  auto pg = pool_.borrow();
  const bool postgres = pg && (**pg).exec("select 1");
  health.postgres = postgres ? "connected" : "not connected";
  const bool ok = postgres && parts_.nats.connected();
  health.status = ok ? "ok" : "degraded";
  return json(ok ? 200 : 503, health);
}

}  // namespace worldshare::dispatcher
