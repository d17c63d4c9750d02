#include "verifier/health.h"

#include "shared/http/problem.h"
#include "shared/messages/messages.h"

namespace worldshare::verifier {
namespace {

template <class Table>
http::Reply page(unsigned status, const Table& table) {
  http::Reply reply;
  reply.status = status;
  reply.body = messages::to_json(table);
  reply.headers["Cache-Control"] = "no-store";
  return reply;
}

http::Reply health_page(const HealthState& state) {
  wire::HealthT health;
  health.status =
      state.broker && state.database && state.assembly && state.desk ? "ok" : "degraded";
  health.version = WORLDSHARE_VERSION;
  health.nats = state.broker ? "ok" : "unavailable";
  health.postgres = state.database ? "ok" : "unavailable";
  health.metrics = state.metrics;
  health.lpips = state.lpips;
  return page(200, health);
}

http::Reply ready_page(const HealthState& state) {
  wire::ReadinessT readiness;
  readiness.version = WORLDSHARE_VERSION;
  readiness.ready = true;
  const auto add = [&](const char* name, bool ok, const std::string& trouble) {
    auto line = std::make_unique<wire::DependencyT>();
    line->name = name;
    line->ok = ok;
    if (!ok) line->reason = trouble;
    readiness.ready = readiness.ready && ok;
    readiness.dependencies.push_back(std::move(line));
  };
  add("postgres", state.database, "a worker cannot reach it");
  add("broker", state.broker, "a worker cannot reach it, or the stream RESULTS");
  add("assembly", state.assembly, "the line that puts frames together has lost the database");
  add("desk", state.desk, "the desk that compares pictures on request has lost the database");
  add("blobs", state.blobs.empty(), state.blobs);
  return page(readiness.ready ? 200 : 503, readiness);
}

}  // namespace

http::HeadDecision HealthPage::on_head(const http::Request& head) { return on_request(head); }

http::Reply HealthPage::on_request(const http::Request& request) {
  if (request.method == "GET" && request.path == "/health") return health_page(state_());
  if (request.method == "GET" && request.path == "/ready") return ready_page(state_());
  return http::problem_reply(404, "there are GET /health and GET /ready");
}

}  // namespace worldshare::verifier
