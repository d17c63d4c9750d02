#include <charconv>

#include "dispatcher/gateway/figures.h"
#include "dispatcher/gateway/handlers.h"
#include "dispatcher/gateway/lists.h"
#include "dispatcher/gateway/metrics_text.h"
#include "dispatcher/gateway/readiness.h"
#include "dispatcher/gateway/replies.h"

namespace worldshare::dispatcher {
namespace {

constexpr int kMostHours = 24 * 31;
constexpr int kMostDays = 366;
constexpr int kMostLeaders = 1'000;

/// A whole number of the query, `usual` where it is left out. kInvalid "name: what to do".
Result<int> number_in(const Call& call, const std::string& name, int usual, int least, int most) {
  const auto field = call.query.find(name);
  if (field == call.query.end()) return usual;
  const auto& text = field->second;
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc() && end == text.data() + text.size() && number >= least && number <= most)
    return number;
  return fail(Errc::kInvalid,
              name + ": must be " + std::to_string(least) + " to " + std::to_string(most));
}

}  // namespace

http::Reply get_health(Gateway& gateway, const Call&) {
  const auto& parts = gateway.parts;
  wire::HealthT health;
  health.version = WORLDSHARE_VERSION;
  health.leader = parts.board.leads();
  health.nats = parts.nats.connected() ? "connected" : "not connected";
  auto pg = gateway.pool.borrow();
  const bool postgres = pg && (**pg).exec("select 1");
  health.postgres = postgres ? "connected" : "not connected";
  const bool ok = postgres && parts.nats.connected();
  health.status = ok ? "ok" : "degraded";
  http::Reply reply = json(200, health);
  reply.headers["Cache-Control"] = "no-store";
  return reply;
}

http::Reply get_ready(Gateway& gateway, const Call&) {
  const wire::ReadinessT readiness = readiness_of(gateway);
  http::Reply reply = json(readiness.ready ? 200 : 503, readiness);
  reply.headers["Cache-Control"] = "no-store";
  return reply;
}

http::Reply get_metrics_text(Gateway& gateway, const Call&) {
  return {200,
          "text/plain; version=0.0.4",
          metrics_text(gateway.parts.board.read(), gateway.parts.board.collected()),
          {},
          {}};
}

http::Reply get_queue(Gateway& gateway, const Call& call) {
  return json(200, queue_status(gateway.parts.board.read(), call.caller.tenant_seen()));
}

http::Reply get_figures(Gateway& gateway, const Call& call) {
  const auto hours = number_in(call, "hours", 24, 1, kMostHours);
  if (!hours) return problem(hours.error());
  auto figures = gateway.figures.get(gateway.pool, *hours);
  if (!figures) return problem(figures.error());
  figures->gpu_hour_price = gateway.parts.config.gpu_hour_price;
  figures->cost_saved = figures->render_hours * figures->gpu_hour_price;
  figures->currency = gateway.parts.config.currency;
  return json(200, *figures);
}

http::Reply get_leaderboard(Gateway& gateway, const Call& call) {
  const auto days = number_in(call, "days", 30, 0, kMostDays);
  if (!days) return problem(days.error());
  const auto limit = number_in(call, "limit", 50, 1, kMostLeaders);
  if (!limit) return problem(limit.error());
  const auto board = gateway.leaderboards.get(gateway.pool, *days);
  if (!board) return problem(board.error());
  return json(200, leaderboard_reply(**board, *limit, call.caller.owner));
}

}  // namespace worldshare::dispatcher
