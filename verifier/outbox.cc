#include "verifier/outbox.h"

#include <spdlog/spdlog.h>

#include "shared/crypto.h"
#include "shared/messages/verdicts.h"

namespace worldshare::verifier {
namespace {

// The opinions are those of the moment of the decision: later ones came with their own verdict.
#define WS_SELECT_VERDICTS                                                                        \
  "select v.lease, v.unit, u.job, u.frame, v.decision, v.counts, v.replicas_needed, v.artifact, " \
  "v.reason, (select count(*) from results r where r.unit = v.unit and r.outcome <> 'void' and "  \
  "r.audit is null and "                                                                          \
  "r.received_at <= v.decided_at) "

constexpr const char* kUnpublished = WS_SELECT_VERDICTS R"(
    from verdicts v join units u on u.id = v.unit
   where v.published_at is null and v.decided_at <= clock_timestamp() - $1::float8 * interval '1 second'
   order by v.decided_at limit 200)";

// The dispatcher notes on a replica that it took its verdict in. Lateral, so that it begins with
// the few units that are open.
constexpr const char* kUnheard = R"(
  with open as materialized (select id, job, frame from units where state = 'open'))" WS_SELECT_VERDICTS
                                 R"(
    from open u,
         lateral (select lease from replicas where unit = u.id and state in ('leased', 'expired') offset 0) p,
         lateral (select * from verdicts where lease = p.lease offset 0) v
   where v.published_at <= clock_timestamp() - $1::float8 * interval '1 second'
   order by v.published_at limit 200)";
#undef WS_SELECT_VERDICTS
constexpr int kLimit = 200;

constexpr const char* kPublished = "update verdicts set published_at = now() where lease = any($1)";

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

std::string summary(const wire::VerdictT& verdict, std::size_t others) {
  return "frame " + std::to_string(verdict.frame) + " " + wire::EnumNameDecision(verdict.decision) +
         ": " + verdict.reason +
         (others == 0 ? "" : "; and " + std::to_string(others) + " more verdicts");
}

/// Named by what is in it: published twice, it is stored once. Takes the parcel's data.
nats::StoredMessage to_message(messages::VerdictParcel& parcel,
                               std::span<const wire::VerdictT> verdicts) {
  Sha256 name;
  for (const auto place : parcel.places) name.update(as_bytes(verdicts[place].lease));
  return {"verdicts." + parcel.job, std::move(parcel.data), "verdicts-" + to_hex(name.finish()),
          summary(verdicts[parcel.places.front()], parcel.places.size() - 1)};
}

/// Each under the same name again and again, however long the dispatcher is away.
std::vector<messages::VerdictParcel> pack_alone(std::span<const wire::VerdictT> verdicts) {
  std::vector<messages::VerdictParcel> out;
  for (std::size_t i = 0; i < verdicts.size(); ++i) {
    auto parcel = messages::pack_verdicts({&verdicts[i], 1}).front();
    parcel.places = {i};
    out.push_back(std::move(parcel));
  }
  return out;
}

void log(const wire::VerdictT& verdict) {
  spdlog::info(
      "verdict published job={} unit={} frame={} lease={} decision={} counts={} reason=\"{}\"",
      verdict.job, verdict.unit, verdict.frame, verdict.lease,
      wire::EnumNameDecision(verdict.decision), verdict.counts, verdict.reason);
}

}  // namespace

Outbox::Outbox(pg::Connection& database, nats::Connection& broker)
    : database_(database), publisher_(broker) {}

Result<> Outbox::publish(const std::vector<wire::VerdictT>& verdicts) {
  return send(verdicts, messages::pack_verdicts(verdicts));
}

Result<> Outbox::send(std::span<const wire::VerdictT> verdicts, Parcels parcels) {
  if (verdicts.empty()) return {};
  std::vector<nats::StoredMessage> messages;
  for (auto& parcel : parcels) messages.push_back(to_message(parcel, verdicts));
  const auto answers = publisher_.publish(messages, kTimeout);
  Result<> outcome;
  std::vector<std::string> stored;
  for (std::size_t i = 0; i < parcels.size(); ++i) {
    if (!answers[i]) {
      outcome = std::unexpected(answers[i].error());
      continue;
    }
    for (const auto place : parcels[i].places) {
      stored.push_back(verdicts[place].lease);
      log(verdicts[place]);
    }
  }
  const auto marked = database_.exec(kPublished, {pg::array(stored)});
  if (!marked) return std::unexpected(marked.error());
  return outcome;
}

Result<> Outbox::publish_waiting(std::chrono::milliseconds age) {
  return publish_those(kUnpublished, age, messages::pack_verdicts);
}

Result<> Outbox::publish_unheard(std::chrono::milliseconds age) {
  return publish_those(kUnheard, age, pack_alone);
}

Result<> Outbox::publish_those(const char* query, std::chrono::milliseconds age, Pack pack) {
  for (;;) {
    const auto rows = database_.exec(query, {std::chrono::duration<double>(age).count()});
    if (!rows) return std::unexpected(rows.error());
    std::vector<wire::VerdictT> verdicts;
    for (int row = 0; row < rows->size(); ++row) verdicts.push_back(to_verdict(*rows, row));
    if (auto ok = send(verdicts, pack(verdicts)); !ok) return ok;
    if (rows->size() < kLimit) return {};
  }
}

}  // namespace worldshare::verifier
