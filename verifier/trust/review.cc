#include "verifier/trust/review.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <map>

#include "shared/pg/unit_lock.h"
#include "verifier/policy/retrial.h"
#include "verifier/trust/columns.h"
#include "verifier/trust/trust_rows.h"

namespace worldshare::verifier {
namespace {

/// Units that one transaction locks.
constexpr std::size_t kAtOnce = 500;

// One verifier at a time; the others try again in a second.
constexpr const char* kAlone = "select pg_try_advisory_xact_lock(-7001)";

constexpr const char* kOrders = R"(
  select o.id, o.owner, o.action, o.operator, o.reason, coalesce(t.state, 'active')
    from overrules o left join trust t on t.owner = o.owner
   where not exists (select from overrules_done d where d.overrule = o.id) order by o.id limit 100)";

constexpr const char* kOrderDone =
    "insert into overrules_done (overrule, state_before) values ($1, $2)";

constexpr const char* kUnreviewed = R"(
  select owner, reason from trust where state <> 'active' and reviewed_at is null
   order by excluded_at limit 1)";

constexpr const char* kReviewed =
    "update trust set reviewed_at = clock_timestamp() where owner = $1 and state <> 'active'";

// The row tells the dispatcher, too. Newcomers have none.
constexpr const char* kAppoint = R"(
  insert into trust (owner, trusted) values ($1, $2)
  on conflict (owner) do update set trusted = excluded.trusted, updated_at = clock_timestamp())";

// Frames that an artist may fetch; what was looked at since the exclusion is not looked at twice,
// and what trusted hardware rendered is not doubted.
constexpr const char* kSuspects = R"(
  select r.unit, r.owner, j.replicas, r.lease, coalesce(a.target, ''), coalesce(a.trusted, false)
    from results mine join units u on u.id = mine.unit join jobs j on j.id = u.job
    join results r on r.unit = mine.unit and r.judged = 'agreed'
    join trust t on t.owner = mine.owner
    left join audits a on a.id = r.audit and a.state = 'passed'
   where mine.owner = $1 and mine.judged = 'agreed'
     and (r.audit is null or a.id is not null)
     and not exists (select from reissues i where i.unit = mine.unit and i.kind = 'doubt'
                        and i.made_at >= t.excluded_at)
     and (u.shard = '' or u.frames > 1) and not u.split
     and exists (select from outputs o where o.unit = mine.unit)
     and not exists (select from results w join audits x on x.id = w.audit
                      where w.unit = mine.unit and x.tiles = 0 and w.judged = 'agreed')
   order by r.unit, r.audit nulls first, r.received_at, r.lease)";

/// An accepted unit that an excluded owner took part in.
struct Suspect {
  struct Agreed {
    std::string owner;
    std::string lease;
    std::string audited;  ///< the lease of what it found nothing in; empty: it rendered
    bool trusted = false;
  };
  std::vector<Agreed> agreed;  ///< renderings before audits
  std::int64_t replicas = 0;   ///< that the manifest asks for
};

/// What the acceptance rests on now: an excluded auditor's word is none.
policy::Evidence evidence_of(const Suspect& suspect, Beliefs& beliefs) {
  policy::Evidence evidence;
  std::map<std::string, std::size_t> places;
  for (const auto& one : suspect.agreed) {
    if (one.audited.empty()) {
      places[one.lease] = evidence.submissions.size();
      evidence.submissions.push_back({.identity = beliefs.identity(one.owner)});
    } else if (const auto place = places.find(one.audited);
               place != places.end() && !beliefs.excluded(one.owner)) {
      policy::Submission& submission = evidence.submissions[place->second];
      ++(one.trusted ? submission.trusted_passes : submission.passes);
    }
  }
  return evidence;
}

/// Whether a unit would not have been accepted without those who are excluded since, and how likely
/// it is that it is wrong.
std::optional<double> doubt(const Suspect& suspect, const Rules& rules, Beliefs& beliefs) {
  const auto active = std::ranges::count_if(
      suspect.agreed, [&](const auto& one) { return !beliefs.excluded(one.owner); });
  const policy::Evidence evidence = evidence_of(suspect, beliefs);
  if (evidence.submissions.empty()) return std::nullopt;
  const bool audited =
      std::ranges::any_of(suspect.agreed, [](const auto& one) { return !one.audited.empty(); });
  const auto& parameters = audited || !rules.audits ? rules.parameters : rules.replicated;
  policy::Step accepted;
  accepted.act = policy::Act::kAccept;
  const double risk = policy::risk_in_hindsight(evidence, accepted, parameters, beliefs.roster());
  const bool reopens = active < suspect.replicas ||
                       policy::reopens(evidence, accepted, parameters, beliefs.roster());
  return reopens ? std::optional(risk) : std::nullopt;
}

}  // namespace

Result<bool> Review::run() {
  if (auto ok = carry_out_overrules(); !ok) return std::unexpected(ok.error());
  return look_back();
}

Result<> Review::carry_out_overrules() {
  const auto waiting = connection_.exec(kOrders);
  if (!waiting || waiting->empty()) return waiting ? Result<>() : std::unexpected(waiting.error());
  auto transaction = pg::Transaction::begin(connection_);
  if (!transaction) return std::unexpected(transaction.error());
  const auto alone = transaction->exec(kAlone);
  if (!alone) return std::unexpected(alone.error());
  if (!alone->boolean(0, 0)) return {};
  const auto rows = transaction->exec(kOrders);
  if (!rows) return std::unexpected(rows.error());
  for (int row = 0; row < rows->size(); ++row) {
    if (auto ok = carry_out(*transaction, *rows, row); !ok) return ok;
  }
  return transaction->commit();
}

Result<> Review::carry_out(pg::Transaction& transaction, const pg::Rows& rows, int row) {
  const std::string owner = rows.str(row, 1);
  const std::string_view action = rows.text(row, 2);
  const std::string why = "operator " + rows.str(row, 3) + ": " + rows.str(row, 4);
  Result<> done;
  if (action == "appoint" || action == "relieve") {
    done = verifier::run(transaction, kAppoint, {owner, action == "appoint"});
  } else {
    const auto kind = action == "ban" ? policy::EventKind::kBanned : policy::EventKind::kReadmitted;
    const auto changed =
        change_trust(transaction, rules_.parameters, {}, {{owner, kind, 0, 0, 0, "", why}}, {});
    if (!changed) done = std::unexpected(changed.error());
  }
  if (!done) return done;
  spdlog::warn("operator overrules owner={} action={} reason=\"{}\"", owner, action, why);
  return verifier::run(transaction, kOrderDone, {rows.integer(row, 0), rows.text(row, 5)});
}

Result<bool> Review::look_back() {
  const auto waiting = connection_.exec(kUnreviewed);
  if (!waiting) return std::unexpected(waiting.error());
  if (waiting->empty()) return false;
  const std::string owner = waiting->str(0, 0);
  auto transaction = pg::Transaction::begin(connection_);
  if (!transaction) return std::unexpected(transaction.error());
  const auto alone = transaction->exec(kAlone);
  if (!alone) return std::unexpected(alone.error());
  if (!alone->boolean(0, 0)) return false;
  auto found = doubts(*transaction, owner, waiting->str(0, 1));
  if (!found) return std::unexpected(found.error());
  const bool all = found->size() <= kAtOnce;
  if (!all) found->resize(kAtOnce);
  std::vector<std::int64_t> units;
  for (const auto& one : *found) units.push_back(one.unit);
  auto ok = pg::lock_units(*transaction, units);
  if (ok) ok = add_doubts(*transaction, *found);
  if (ok && all) ok = verifier::run(*transaction, kReviewed, {owner});
  if (ok) ok = transaction->commit();
  if (!ok) return std::unexpected(ok.error());
  spdlog::info("looked back at an excluded owner owner={} doubted={}", owner, found->size());
  return true;
}

Result<std::vector<Doubt>> Review::doubts(pg::Transaction& transaction,
                                          const std::string& owner,
                                          const std::string& reason) {
  const auto rows = transaction.exec(kSuspects, {owner});
  if (!rows) return std::unexpected(rows.error());
  std::map<std::int64_t, Suspect> suspects;
  std::vector<std::string> owners;
  for (int row = 0; row < rows->size(); ++row) {
    Suspect& suspect = suspects[rows->integer(row, 0)];
    suspect.agreed.push_back(
        {rows->str(row, 1), rows->str(row, 3), rows->str(row, 4), rows->boolean(row, 5)});
    suspect.replicas = rows->integer(row, 2);
    owners.push_back(rows->str(row, 1));
  }
  Beliefs beliefs(rules_.parameters);
  if (auto ok = read_beliefs(transaction, std::move(owners), beliefs); !ok) {
    return std::unexpected(ok.error());
  }
  std::vector<policy::Suspect> order;
  for (const auto& [unit, suspect] : suspects) {
    const auto risk = doubt(suspect, rules_, beliefs);
    if (risk) order.push_back({static_cast<std::uint64_t>(unit), *risk});
  }
  policy::sort_for_retrial(order);
  std::vector<Doubt> out;
  for (const auto& one : order) {
    out.push_back({static_cast<std::int64_t>(one.unit),
                   "owner " + owner + " was excluded after its acceptance: " + reason});
  }
  return out;
}

}  // namespace worldshare::verifier
