#include "verifier/health.h"

#include "shared/messages/messages.h"

namespace worldshare::verifier {

http::HeadDecision HealthPage::on_head(const http::Request& head) { return on_request(head); }

http::Reply HealthPage::on_request(const http::Request& request) {
  http::Reply reply;
  if (request.path != "/health" || request.method != "GET") {
    wire::ProblemT problem;
    problem.status = 404;
    problem.title = "not found";
    problem.detail = "there is only GET /health";
    reply.status = 404;
    reply.body = messages::to_json(problem);
    return reply;
  }
  const HealthState state = state_();
  const bool ok = state.broker && state.database;
  wire::HealthT health;
  health.status = ok ? "ok" : "degraded";
  health.version = WORLDSHARE_VERSION;
  health.nats = state.broker ? "ok" : "unavailable";
  health.postgres = state.database ? "ok" : "unavailable";
  health.metrics = state.metrics;
  health.lpips = state.lpips;
  reply.status = ok ? 200 : 503;
  reply.body = messages::to_json(health);
  return reply;
}

}  // namespace worldshare::verifier
