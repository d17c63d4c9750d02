#include <algorithm>
#include <charconv>

#include "dispatcher/gateway/handlers.h"
#include "dispatcher/gateway/replies.h"

namespace worldshare::dispatcher {
namespace {

constexpr const char* kOwnerTrust = R"(
  select case when t.owner is null then 'newcomer' else t.state end, t.reason, t.malice, t.ok, t.bad, t.vetted,
         t.canaries_missed, t.agreed, t.rejected, t.failed,
         (select count(*) from results r join reissues i on i.unit = r.unit
           where r.owner = o.id and i.kind = 'doubt' and i.state = 'open')
    from owners o left join trust t on t.owner = o.id where o.id = $1)";

constexpr const char* kEvents = R"(
  select (extract(epoch from happened_at) * 1000)::bigint, kind, ok, bad, unit, reason
    from trust_events where owner = $1 order by id desc limit 50)";

constexpr const char* kCredit = R"(
  select job, count(*) filter (where kind = 'earned') - count(*) filter (where kind = 'reversed'),
         coalesce(sum(amount_ms) filter (where kind = 'earned'), 0) / 1000.0,
         coalesce(-sum(amount_ms) filter (where kind = 'reversed'), 0) / 1000.0
    from ledger where owner = $1 and account = 'owner' group by job order by max(posted_at) desc limit 100)";

constexpr const char* kOverrules = R"(
  select (extract(epoch from o.ordered_at) * 1000)::bigint, o.action, o.operator, o.reason, d.state_before
    from overrules o left join overrules_done d on d.overrule = o.id where o.owner = $1 order by o.id desc limit 50)";

constexpr const char* kOrder =
    "insert into overrules (owner, action, operator, reason) select id, $2, $3, $4 from owners "
    "where id = $1";

constexpr const char* kUnit = R"(
  select u.job, u.frame, u.state, coalesce(o.artifact, '')
    from units u left join outputs o on o.unit = u.id where u.id = $1)";

constexpr const char* kResults = R"(
  select p.lease, p.owner, p.agent, coalesce(nullif(r.judged, 'pending'), p.state), coalesce(r.render_seconds, 0),
         r.artifact, r.error
    from replicas p left join results r on r.lease = p.lease where p.unit = $1 order by p.leased_at, p.lease)";

constexpr const char* kPairs = R"(
  select a.owner, b.owner, c.method, coalesce(c.psnr_db, 1e9), coalesce(c.ssim, 1), c.agree, c.lpips
    from comparisons c join results a on a.lease = c.lease_a join results b on b.lease = c.lease_b
   where c.unit = $1 order by c.compared_at, a.owner, b.owner)";

constexpr const char* kVerdicts = R"(
  select (extract(epoch from v.decided_at) * 1000)::bigint, p.owner, v.decision, v.counts, v.replicas_needed, v.reason,
         v.policy, v.risk
    from verdicts v join replicas p on p.lease = v.lease where v.unit = $1 order by v.decided_at)";

constexpr const char* kReissues = R"(
  select (extract(epoch from made_at) * 1000)::bigint, coalesce((extract(epoch from ended_at) * 1000)::bigint, 0), kind,
         state, wanted, reason
    from reissues where unit = $1 order by id)";

std::uint64_t number(const pg::Rows& rows, int row, int column) {
  return static_cast<std::uint64_t>(rows.integer(row, column));
}

std::uint32_t small(const pg::Rows& rows, int row, int column) {
  return static_cast<std::uint32_t>(rows.integer(row, column));
}

/// Runs a query, and makes a line of each row.
template <class Line, class Make>
Result<> fill(pg::Connection& pg,
              const char* sql,
              const pg::Param& key,
              std::vector<std::unique_ptr<Line>>& out,
              Make make) {
  const auto rows = pg.exec(sql, {key});
  if (!rows) return std::unexpected(rows.error());
  for (int row = 0; row < rows->size(); ++row) {
    out.push_back(std::make_unique<Line>());
    make(*rows, row, *out.back());
  }
  return {};
}

Result<> add_history(pg::Connection& pg, wire::OwnerTrustT& out) {
  auto ok = fill(pg, kEvents, out.owner, out.events,
                 [](const pg::Rows& rows, int row, wire::TrustEventLineT& line) {
                   line.at_ms = number(rows, row, 0);
                   line.kind = rows.str(row, 1);
                   line.ok = rows.real(row, 2);
                   line.bad = rows.real(row, 3);
                   line.unit = number(rows, row, 4);
                   line.reason = rows.str(row, 5);
                 });
  if (ok) {
    ok = fill(pg, kCredit, out.owner, out.credit,
              [](const pg::Rows& rows, int row, wire::CreditLineT& line) {
                line.job = rows.str(row, 0);
                line.results = small(rows, row, 1);
                line.earned = rows.real(row, 2);
                line.reversed = rows.real(row, 3);
              });
  }
  if (!ok) return ok;
  return fill(pg, kOverrules, out.owner, out.overrules,
              [](const pg::Rows& rows, int row, wire::OverruleLineT& line) {
                line.at_ms = number(rows, row, 0);
                line.action = rows.str(row, 1);
                line.operator_ = rows.str(row, 2);
                line.reason = rows.str(row, 3);
                line.state_before = rows.str(row, 4);
              });
}

Result<wire::OwnerTrustT> owner_trust(pg::Connection& pg, const std::string& owner) {
  const auto rows = pg.exec(kOwnerTrust, {owner});
  if (!rows) return std::unexpected(rows.error());
  if (rows->empty()) {
    return fail(Errc::kNotFound, "there is no owner " + messages::clean_text(owner, 64));
  }
  wire::OwnerTrustT out;
  out.owner = owner;
  out.state = rows->str(0, 0);
  out.reason = rows->str(0, 1);
  out.malice = rows->real(0, 2);
  out.ok = rows->real(0, 3);
  out.bad = rows->real(0, 4);
  out.vetted = rows->boolean(0, 5);
  out.canaries_missed = small(*rows, 0, 6);
  out.agreed = number(*rows, 0, 7);
  out.rejected = number(*rows, 0, 8);
  out.failed = number(*rows, 0, 9);
  out.doubted = small(*rows, 0, 10);
  if (auto ok = add_history(pg, out); !ok) return std::unexpected(ok.error());
  return out;
}

Result<> add_evidence(pg::Connection& pg, wire::UnitVerdictsT& out) {
  auto ok = fill(pg, kResults, out.unit, out.replicas,
                 [](const pg::Rows& rows, int row, wire::ReplicaStatusT& line) {
                   line.lease = rows.str(row, 0);
                   line.owner = rows.str(row, 1);
                   line.agent = rows.str(row, 2);
                   line.state = rows.str(row, 3);
                   line.render_seconds = rows.real(row, 4);
                   line.artifact = rows.str(row, 5);
                   line.error = rows.str(row, 6);
                 });
  if (!ok) return ok;
  return fill(pg, kPairs, out.unit, out.comparisons,
              [](const pg::Rows& rows, int row, wire::ComparisonStatusT& line) {
                line.a = rows.str(row, 0);
                line.b = rows.str(row, 1);
                line.method = rows.str(row, 2);
                line.psnr_db = rows.real(row, 3);
                line.ssim = rows.real(row, 4);
                line.agree = rows.boolean(row, 5);
                if (!rows.is_null(row, 6)) line.lpips = rows.real(row, 6);
              });
}

Result<> add_decisions(pg::Connection& pg, wire::UnitVerdictsT& out) {
  auto ok = fill(pg, kVerdicts, out.unit, out.verdicts,
                 [](const pg::Rows& rows, int row, wire::VerdictLineT& line) {
                   line.at_ms = number(rows, row, 0);
                   line.owner = rows.str(row, 1);
                   line.decision = rows.str(row, 2);
                   line.counts = rows.boolean(row, 3);
                   line.replicas_needed = small(rows, row, 4);
                   line.reason = rows.str(row, 5);
                   line.policy = rows.str(row, 6);
                   if (!rows.is_null(row, 7)) line.risk = rows.real(row, 7);
                 });
  if (!ok) return ok;
  return fill(pg, kReissues, out.unit, out.reissues,
              [](const pg::Rows& rows, int row, wire::ReissueLineT& line) {
                line.made_ms = number(rows, row, 0);
                line.ended_ms = number(rows, row, 1);
                line.kind = rows.str(row, 2);
                line.state = rows.str(row, 3);
                line.wanted = small(rows, row, 4);
                line.reason = rows.str(row, 5);
              });
}

Result<wire::UnitVerdictsT> unit_verdicts(pg::Connection& pg, const std::string& text) {
  std::uint64_t unit = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), unit);
  if (error != std::errc() || end != text.data() + text.size() || unit > INT64_MAX) {
    return fail(Errc::kInvalid, "unit: must be a unit's number; `worldshare units JOB` lists them");
  }
  const auto rows = pg.exec(kUnit, {unit});
  if (!rows) return std::unexpected(rows.error());
  if (rows->empty()) return fail(Errc::kNotFound, "there is no unit " + std::to_string(unit));
  wire::UnitVerdictsT out;
  out.unit = unit;
  out.job = rows->str(0, 0);
  out.frame = static_cast<std::int32_t>(rows->integer(0, 1));
  out.state = rows->str(0, 2);
  out.artifact = rows->str(0, 3);
  if (auto ok = add_evidence(pg, out); !ok) return std::unexpected(ok.error());
  if (auto ok = add_decisions(pg, out); !ok) return std::unexpected(ok.error());
  return out;
}

Result<wire::OwnerTrustT> overrule(pg::Connection& pg,
                                   const std::string& owner,
                                   const std::string& body) {
  const auto order = messages::parse_json<wire::Overrule>(body);
  if (!order) return std::unexpected(order.error());
  if (order->action == wire::OverruleAction::none)
    return fail(Errc::kInvalid, "action: must be readmit or ban");
  const std::string who = messages::clean_text(order->operator_, 100);
  const std::string why = messages::clean_text(order->reason, 500);
  if (who.empty()) return fail(Errc::kInvalid, "operator: missing; who orders it");
  if (why.empty()) return fail(Errc::kInvalid, "reason: missing; it is kept on record");
  const auto rows =
      pg.exec(kOrder, {owner, std::string(wire::EnumNameOverruleAction(order->action)), who, why});
  if (!rows) return std::unexpected(rows.error());
  if (rows->affected() == 0) {
    return fail(Errc::kNotFound, "there is no owner " + messages::clean_text(owner, 64));
  }
  return owner_trust(pg, owner);
}

/// What `view` makes of the path's one name.
template <class View>
http::Reply show(Gateway& gateway, const Call& call, View view) {
  auto pg = gateway.pool.borrow();
  if (!pg) return problem(pg.error());
  const auto table = view(**pg, call.path.at(0));
  return table ? json(200, *table) : problem(table.error());
}

}  // namespace

http::Reply get_owner_trust(Gateway& gateway, const Call& call) {
  return show(gateway, call, owner_trust);
}

http::Reply overrule_owner(Gateway& gateway, const Call& call) {
  return show(gateway, call, [&](pg::Connection& pg, const std::string& owner) {
    return overrule(pg, owner, call.request.body);
  });
}

http::Reply get_unit_verdicts(Gateway& gateway, const Call& call) {
  return show(gateway, call, unit_verdicts);
}

}  // namespace worldshare::dispatcher
