#include "verifier/trust/trust_rows.h"

#include <algorithm>

#include "verifier/policy/exclusion.h"
#include "verifier/trust/columns.h"

namespace worldshare::verifier {
namespace {

#define WS_STANDING                                                                        \
  "select t.owner, t.ok, t.bad, t.cusum, t.vetted, t.canaries_missed, t.state, t.reason, " \
  "p.excluded, p.vetted from trust_prior p left join trust t on t.owner = any($1)"

constexpr const char* kMake = R"(
  insert into trust (owner) select * from unnest($1::text[]) owner order by owner on conflict do nothing)";

constexpr const char* kHold =
    "select 1 from trust where owner = any($1) order by owner for no key update";

constexpr const char* kChange = R"(
  update trust t
     set agreed = t.agreed + x.agreed, rejected = t.rejected + x.rejected, failed = t.failed + x.failed,
         malice = x.malice, ok = x.ok, bad = x.bad, cusum = x.cusum, vetted = x.vetted, canaries_missed = x.missed, state = x.state,
         reason = case when x.state = t.state then t.reason else x.reason end,
         excluded_at = case when x.state = 'active' then null else coalesce(t.excluded_at, clock_timestamp()) end,
         reviewed_at = case when x.state = t.state then t.reviewed_at end,
         updated_at = clock_timestamp()
    from unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::float8[], $6::float8[], $7::float8[],
                $8::bool[], $9::int[], $10::text[], $11::text[], $12::float8[])
           x(owner, agreed, rejected, failed, ok, bad, cusum, vetted, missed, state, reason, malice)
   where t.owner = x.owner)";

constexpr const char* kAddEvents = R"(
  insert into trust_events (owner, kind, ok, bad, unit, lease, reason)
  select owner, kind, ok, bad, nullif(unit, 0), nullif(lease, ''), reason
    from unnest($1::text[], $2::text[], $3::float8[], $4::float8[], $5::bigint[], $6::text[], $7::text[])
           x(owner, kind, ok, bad, unit, lease, reason))";

constexpr const char* kLearn =
    "update trust_prior set excluded = excluded + $1, vetted = vetted + $2";

const char* to_text(policy::State state) {
  switch (state) {
    case policy::State::kActive: return "active";
    case policy::State::kQuarantined: return "quarantined";
    case policy::State::kBanned: return "banned";
  }
  return "active";
}

policy::State to_state(std::string_view text) {
  if (text == "banned") return policy::State::kBanned;
  return text == "quarantined" ? policy::State::kQuarantined : policy::State::kActive;
}

std::string to_text(policy::EventKind kind) {
  switch (kind) {
    case policy::EventKind::kChecked: return "checked";
    case policy::EventKind::kCanaryMissed: return "canary_missed";
    case policy::EventKind::kQuarantined: return "quarantined";
    case policy::EventKind::kBanned: return "banned";
    case policy::EventKind::kReadmitted: return "readmitted";
  }
  return "checked";
}

void restore(const pg::Rows& rows, Beliefs& beliefs) {
  for (int row = 0; row < rows.size(); ++row) {
    beliefs.restore(policy::Prior{static_cast<std::uint64_t>(rows.integer(row, 8)),
                                  static_cast<std::uint64_t>(rows.integer(row, 9))});
    if (rows.is_null(row, 0)) continue;
    policy::Standing standing;
    standing.record = {rows.real(row, 1), rows.real(row, 2), rows.real(row, 3)};
    standing.vetted = rows.boolean(row, 4);
    standing.canaries_missed = static_cast<std::uint32_t>(rows.integer(row, 5));
    standing.state = to_state(rows.text(row, 6));
    beliefs.restore(rows.str(row, 0), standing, rows.str(row, 7));
  }
}

/// Events become standings, and exposures further events.
class Reckoning {
 public:
  explicit Reckoning(Beliefs& beliefs) : beliefs_(beliefs), before_(beliefs.roster().prior()) {}

  void apply(const TrustEvent& event) {
    events_.push_back(event);
    const policy::IdentityId identity = beliefs_.identity(event.owner);
    policy::Roster& roster = beliefs_.roster();
    roster.apply({identity, event.kind, event.ok, event.bad});
    const bool ordered =
        event.kind == policy::EventKind::kBanned || event.kind == policy::EventKind::kQuarantined;
    if (ordered) excluded_.push_back({event.owner, event.reason});
    const auto exposure = policy::exposed(identity, roster);
    if (!exposure) return;
    roster.apply(policy::event_of(*exposure));
    events_.push_back({event.owner, policy::event_of(*exposure).kind, 0, 0, event.unit, event.lease,
                       exposure->reason});
    excluded_.push_back({event.owner, exposure->reason});
  }

  const std::vector<TrustEvent>& events() const { return events_; }
  const std::vector<ExcludedOwner>& excluded() const { return excluded_; }
  std::string reason(const std::string& owner) const {
    const auto found = std::ranges::find(excluded_, owner, &ExcludedOwner::owner);
    return found == excluded_.end() ? "" : found->reason;
  }
  policy::Prior learned() const {
    const policy::Prior& now = beliefs_.roster().prior();
    return {now.excluded - before_.excluded, now.vetted - before_.vetted};
  }

 private:
  Beliefs& beliefs_;
  const policy::Prior before_;
  std::vector<TrustEvent> events_;
  std::vector<ExcludedOwner> excluded_;
};

Result<> write_standings(pg::Transaction& transaction,
                         const std::vector<std::string>& owners,
                         const std::map<std::string, RecordChange>& records,
                         Beliefs& beliefs,
                         const Reckoning& reckoning) {
  struct Row {
    RecordChange record;
    policy::Standing standing;
    std::string reason;
    double malice = 0;
  };
  std::vector<Row> rows;
  for (const auto& owner : owners) {
    const auto record = records.find(owner);
    const policy::IdentityId identity = beliefs.identity(owner);
    rows.push_back({record == records.end() ? RecordChange{} : record->second,
                    beliefs.roster().standing(identity), reckoning.reason(owner),
                    beliefs.roster().belief(identity).malice});
  }
  return run(
      transaction, kChange,
      {pg::array(owners), column(rows, [](const Row& r) { return std::int64_t{r.record.agreed}; }),
       column(rows, [](const Row& r) { return std::int64_t{r.record.rejected}; }),
       column(rows, [](const Row& r) { return std::int64_t{r.record.failed}; }),
       column(rows, [](const Row& r) { return number(r.standing.record.ok); }),
       column(rows, [](const Row& r) { return number(r.standing.record.bad); }),
       column(rows, [](const Row& r) { return number(r.standing.record.cusum); }),
       column(rows, [](const Row& r) { return flag(r.standing.vetted); }),
       column(rows, [](const Row& r) { return std::int64_t{r.standing.canaries_missed}; }),
       column(rows, [](const Row& r) { return std::string(to_text(r.standing.state)); }),
       column(rows, [](const Row& r) { return r.reason; }),
       column(rows, [](const Row& r) { return number(r.malice); })});
}

Result<> add_events(pg::Transaction& transaction, const std::vector<TrustEvent>& events) {
  if (events.empty()) return {};
  return run(transaction, kAddEvents,
             {column(events, [](const TrustEvent& e) { return e.owner; }),
              column(events, [](const TrustEvent& e) { return to_text(e.kind); }),
              column(events, [](const TrustEvent& e) { return number(e.ok); }),
              column(events, [](const TrustEvent& e) { return number(e.bad); }),
              column(events, [](const TrustEvent& e) { return e.unit; }),
              column(events, [](const TrustEvent& e) { return e.lease; }),
              column(events, [](const TrustEvent& e) { return e.reason; })});
}

}  // namespace

Result<> read_beliefs(pg::Transaction& transaction,
                      std::vector<std::string> owners,
                      Beliefs& beliefs) {
  std::ranges::sort(owners);
  const auto rest = std::ranges::unique(owners);
  owners.erase(rest.begin(), rest.end());
  const auto rows = transaction.exec(WS_STANDING, {pg::array(owners)});
  if (!rows) return std::unexpected(rows.error());
  restore(*rows, beliefs);
  return {};
}

Result<std::vector<ExcludedOwner>> change_trust(pg::Transaction& transaction,
                                                const policy::Parameters& parameters,
                                                const std::map<std::string, RecordChange>& records,
                                                const std::vector<TrustEvent>& events,
                                                const std::set<std::string>& relied_on) {
  std::set<std::string> all = relied_on;
  for (const auto& [owner, record] : records) all.insert(owner);
  for (const auto& event : events) all.insert(event.owner);
  if (all.empty()) return std::vector<ExcludedOwner>{};
  const std::vector<std::string> owners(all.begin(), all.end());
  auto ok = run(transaction, kMake, {pg::array(owners)});
  if (ok) ok = run(transaction, kHold, {pg::array(owners)});
  Beliefs beliefs(parameters);
  if (ok) ok = read_beliefs(transaction, owners, beliefs);
  if (!ok) return std::unexpected(ok.error());
  for (const auto& owner : relied_on) {
    if (beliefs.excluded(owner))
      return fail(Errc::kConflict, "owner " + owner + " was excluded meanwhile");
  }
  Reckoning reckoning(beliefs);
  for (const auto& event : events) reckoning.apply(event);
  ok = write_standings(transaction, owners, records, beliefs, reckoning);
  if (ok) ok = add_events(transaction, reckoning.events());
  const policy::Prior learned = reckoning.learned();
  if (ok && learned != policy::Prior{}) {
    ok = run(transaction, kLearn, {learned.excluded, learned.vetted});
  }
  if (!ok) return std::unexpected(ok.error());
  return reckoning.excluded();
}

}  // namespace worldshare::verifier
