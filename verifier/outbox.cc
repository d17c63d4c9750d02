#include "verifier/outbox.h"

#include <spdlog/spdlog.h>

#include "shared/messages/messages.h"

namespace worldshare::verifier {
namespace {

// The opinions are those of the moment of the decision: later ones came with their own verdict.
constexpr const char* kUnpublished = R"(
  select v.lease, v.unit, u.job, u.frame, v.decision, v.counts, v.replicas_needed, v.artifact, v.reason,
         (select count(*) from results r
           where r.unit = v.unit and r.outcome <> 'void' and r.received_at <= v.decided_at)
    from verdicts v join units u on u.id = v.unit
   where v.published_at is null and ($1 = '' or v.lease = $1)
     and v.decided_at <= clock_timestamp() - $2::float8 * interval '1 second'
   order by v.decided_at limit 200)";

constexpr const char* kPublished =
    "update verdicts set published_at = now() where lease = $1 and published_at is null";

constexpr std::chrono::milliseconds kTimeout{5000};

wire::Decision to_decision(std::string_view text) {
  for (const auto decision : wire::EnumValuesDecision()) {
    if (text == wire::EnumNameDecision(decision)) return decision;
  }
  return wire::Decision::pending;
}

wire::VerdictT to_verdict(const pg::Rows& rows, int row) {
  wire::VerdictT out;
  out.lease = rows.str(row, 0);
  out.unit = static_cast<std::uint64_t>(rows.integer(row, 1));
  out.job = rows.str(row, 2);
  out.frame = static_cast<std::int32_t>(rows.integer(row, 3));
  out.decision = to_decision(rows.text(row, 4));
  out.counts = rows.boolean(row, 5);
  out.replicas_needed = static_cast<std::uint8_t>(rows.integer(row, 6));
  out.artifact = rows.str(row, 7);
  out.reason = rows.str(row, 8);
  out.opinions = static_cast<std::uint8_t>(rows.integer(row, 9));
  return out;
}

std::string summary(const wire::VerdictT& verdict) {
  return "frame " + std::to_string(verdict.frame) + " " + wire::EnumNameDecision(verdict.decision) +
         ": " + verdict.reason;
}

}  // namespace

Outbox::Outbox(pg::Connection& database, nats::Connection& broker)
    : database_(database), broker_(broker) {}

Result<> Outbox::publish(const std::string& lease) {
  const auto rows = database_.exec(kUnpublished, {lease, 0.0});
  if (!rows) return std::unexpected(rows.error());
  if (auto count = publish_rows(*rows); !count) return std::unexpected(count.error());
  return {};
}

Result<int> Outbox::publish_waiting(std::chrono::milliseconds age) {
  const auto rows = database_.exec(kUnpublished, {"", std::chrono::duration<double>(age).count()});
  if (!rows) return std::unexpected(rows.error());
  return publish_rows(*rows);
}

Result<int> Outbox::publish_rows(const pg::Rows& rows) {
  for (int row = 0; row < rows.size(); ++row) {
    const wire::VerdictT verdict = to_verdict(rows, row);
    const auto stored =
        broker_.publish_stored("verdicts." + verdict.job, messages::encode(verdict),
                               "verdict-" + verdict.lease, summary(verdict), kTimeout);
    if (!stored) return std::unexpected(stored.error());
    if (auto ok = database_.exec(kPublished, {verdict.lease}); !ok) {
      return std::unexpected(ok.error());
    }
    spdlog::info(
        "verdict published job={} unit={} frame={} lease={} decision={} counts={} reason=\"{}\"",
        verdict.job, verdict.unit, verdict.frame, verdict.lease,
        wire::EnumNameDecision(verdict.decision), verdict.counts, verdict.reason);
  }
  return rows.size();
}

}  // namespace worldshare::verifier
