#include <algorithm>
#include <charconv>

#include "dispatcher/gateway/handlers.h"
#include "dispatcher/gateway/replies.h"
#include "dispatcher/gateway/row_reader.h"
#include "dispatcher/gateway/status.h"

namespace worldshare::dispatcher {
namespace {

constexpr const char* kOwnerTrust = R"(
  select case when t.owner is null then 'newcomer' else t.state end, t.reason, t.malice, t.ok, t.bad, t.vetted,
         t.canaries_missed, t.agreed, t.rejected, t.failed,
         (select count(*) from results r join reissues i on i.unit = r.unit
           where r.owner = o.id and i.kind = 'doubt' and i.state = 'open' and not r.trusted),
         coalesce(t.trusted and t.state = 'active', false)
    from owners o left join trust t on t.owner = o.id where o.id = $1)";

constexpr const char* kEvents = R"(
  select (extract(epoch from happened_at) * 1000)::bigint, kind, ok, bad, unit, reason
    from trust_events where owner = $1 order by id desc limit 50)";

constexpr const char* kCredit = R"(
  select job, count(*) filter (where kind = 'earned') - count(*) filter (where kind = 'reversed'),
         coalesce(sum(amount_ms) filter (where kind = 'earned'), 0) / 1000.0,
         coalesce(-sum(amount_ms) filter (where kind = 'reversed'), 0) / 1000.0
    from postings where owner = $1 group by job order by max(posted_at) desc limit 100)";

constexpr const char* kOverrules = R"(
  select (extract(epoch from o.ordered_at) * 1000)::bigint, o.action, o.operator, o.reason, d.state_before
    from overrules o left join overrules_done d on d.overrule = o.id where o.owner = $1 order by o.id desc limit 50)";

constexpr const char* kOrder =
    "insert into overrules (owner, action, operator, reason) select id, $2, $3, $4 from owners "
    "where id = $1";

constexpr const char* kExcluded = "select 1 from trust where owner = $1 and state <> 'active'";

constexpr const char* kUnit = R"(
  select u.job, u.frame, u.state, coalesce(o.artifact, '')
    from units u join jobs j on j.id = u.job left join outputs o on o.unit = u.id and o.frame = u.frame
   where u.id = $1 and ($2 = '' or j.tenant = $2))";

constexpr const char* kResults = R"(
  select p.lease, p.owner, p.agent, coalesce(nullif(r.judged, 'pending'), p.state), coalesce(r.render_seconds, 0),
         r.artifact, r.error
    from replicas p left join results r on r.lease = p.lease left join audits a on a.id = p.audit
   where p.unit = $1 and (p.audit is null or a.tiles = 0) order by p.leased_at, p.lease)";

constexpr const char* kPairs = R"(
  select a.owner, b.owner, c.method, coalesce(c.psnr_db, 1e9), coalesce(c.ssim, 1), c.agree, c.lpips, c.worst_block_psnr_db
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

constexpr const char* kAudits = R"(
  select t.owner, a.target, coalesce(r.owner, ''), a.state, a.finding, coalesce(r.render_seconds, 0),
         (extract(epoch from a.ordered_at) * 1000)::bigint, coalesce((extract(epoch from a.ended_at) * 1000)::bigint, 0),
         a.trusted, a.tiles = 0
    from audits a join results t on t.lease = a.target left join results r on r.lease = a.lease
   where a.unit = $1 order by a.id)";

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
    RowReader reader(*rows, row);
    make(reader, *out.back());
  }
  return {};
}

Result<> add_history(pg::Connection& pg, wire::OwnerTrustT& out) {
  auto ok =
      fill(pg, kEvents, out.owner, out.events, [](RowReader& row, wire::TrustEventLineT& line) {
        line.at_ms = row.number();
        line.kind = row.text();
        line.ok = row.real();
        line.bad = row.real();
        line.unit = row.number();
        line.reason = row.text();
      });
  if (ok) {
    ok = fill(pg, kCredit, out.owner, out.credit, [](RowReader& row, wire::CreditLineT& line) {
      line.job = row.text();
      line.results = row.count();
      line.earned = row.real();
      line.reversed = row.real();
    });
  }
  if (!ok) return ok;
  return fill(pg, kOverrules, out.owner, out.overrules,
              [](RowReader& row, wire::OverruleLineT& line) {
                line.at_ms = row.number();
                line.action = row.text();
                line.operator_ = row.text();
                line.reason = row.text();
                line.state_before = row.text();
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
  RowReader row(*rows, 0);
  out.state = row.text();
  out.reason = row.text();
  out.malice = row.real();
  out.ok = row.real();
  out.bad = row.real();
  out.vetted = row.boolean();
  out.canaries_missed = row.count();
  out.agreed = row.number();
  out.rejected = row.number();
  out.failed = row.number();
  out.doubted = row.count();
  out.trusted = row.boolean();
  if (auto ok = add_history(pg, out); !ok) return std::unexpected(ok.error());
  return out;
}

Result<> add_evidence(pg::Connection& pg, wire::UnitVerdictsT& out) {
  auto ok =
      fill(pg, kResults, out.unit, out.replicas, [](RowReader& row, wire::ReplicaStatusT& line) {
        line.lease = row.text();
        line.owner = row.text();
        line.agent = row.text();
        line.state = row.text();
        line.render_seconds = row.real();
        line.artifact = row.text();
        line.error = row.text();
      });
  if (!ok) return ok;
  return fill(pg, kPairs, out.unit, out.comparisons, read_comparison);
}

Result<> add_decisions(pg::Connection& pg, wire::UnitVerdictsT& out) {
  auto ok =
      fill(pg, kVerdicts, out.unit, out.verdicts, [](RowReader& row, wire::VerdictLineT& line) {
        line.at_ms = row.number();
        line.owner = row.text();
        line.decision = row.text();
        line.counts = row.boolean();
        line.replicas_needed = row.count();
        line.reason = row.text();
        line.policy = row.text();
        if (const auto risk = row.optional_real()) line.risk = *risk;
      });
  if (!ok) return ok;
  return fill(pg, kReissues, out.unit, out.reissues, [](RowReader& row, wire::ReissueLineT& line) {
    line.made_ms = row.number();
    line.ended_ms = row.number();
    line.kind = row.text();
    line.state = row.text();
    line.wanted = row.count();
    line.reason = row.text();
  });
}

Result<> add_audits(pg::Connection& pg, wire::UnitVerdictsT& out) {
  return fill(pg, kAudits, out.unit, out.audits, [](RowReader& row, wire::ResultAuditT& line) {
    line.owner = row.text();
    line.lease = row.text();
    line.auditor = row.text();
    line.state = row.text();
    line.finding = row.text();
    line.render_seconds = row.real();
    line.ordered_ms = row.number();
    line.ended_ms = row.number();
    line.trusted = row.boolean();
    line.whole = row.boolean();
  });
}

Result<wire::UnitVerdictsT> unit_verdicts(pg::Connection& pg,
                                          const std::string& tenant,
                                          const std::string& text) {
  std::uint64_t unit = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), unit);
  if (error != std::errc() || end != text.data() + text.size() || unit > INT64_MAX) {
    return fail(Errc::kInvalid, "unit: must be a unit's number; `worldshare units JOB` lists them");
  }
  const auto rows = pg.exec(kUnit, {unit, tenant});
  if (!rows) return std::unexpected(rows.error());
  if (rows->empty()) return fail(Errc::kNotFound, "there is no unit " + std::to_string(unit));
  wire::UnitVerdictsT out;
  out.unit = unit;
  RowReader row(*rows, 0);
  out.job = row.text();
  out.frame = static_cast<std::int32_t>(row.integer());
  out.state = row.text();
  out.artifact = row.text();
  if (auto ok = add_evidence(pg, out); !ok) return std::unexpected(ok.error());
  if (auto ok = add_decisions(pg, out); !ok) return std::unexpected(ok.error());
  if (auto ok = add_audits(pg, out); !ok) return std::unexpected(ok.error());
  return out;
}

/// What is ordered, by whom and why; kInvalid "field: what to do".
Result<wire::OverruleT> read_order(const std::string& body) {
  auto order = messages::parse_json<wire::OverruleT>(body);
  if (!order) return order;
  if (order->action == wire::OverruleAction::none)
    return fail(Errc::kInvalid, "action: must be readmit, ban, appoint or relieve");
  order->operator_ = messages::clean_text(order->operator_, 100);
  order->reason = messages::clean_text(order->reason, 500);
  if (order->operator_.empty()) return fail(Errc::kInvalid, "operator: missing; who orders it");
  if (order->reason.empty()) return fail(Errc::kInvalid, "reason: missing; it is kept on record");
  return order;
}

/// kConflict: what trusted hardware says is believed, so it may not be of an excluded owner.
Result<> check_not_excluded(pg::Connection& pg, const std::string& owner) {
  const auto rows = pg.exec(kExcluded, {owner});
  if (!rows) return std::unexpected(rows.error());
  if (rows->empty()) return {};
  return fail(Errc::kConflict,
              "owner " + messages::clean_text(owner, 64) + " is excluded: readmit it first");
}

Result<wire::OwnerTrustT> overrule(pg::Connection& pg,
                                   const std::string& owner,
                                   const std::string& body) {
  const auto order = read_order(body);
  if (!order) return std::unexpected(order.error());
  if (order->action == wire::OverruleAction::appoint) {
    if (auto ok = check_not_excluded(pg, owner); !ok) return std::unexpected(ok.error());
  }
  const std::string action = wire::EnumNameOverruleAction(order->action);
  const auto rows = pg.exec(kOrder, {owner, action, order->operator_, order->reason});
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
  // Another volunteer's record is nobody else's business, not even that there is one.
  const Caller& caller = call.caller;
  if (!caller.is_operator() && call.path.at(0) != caller.owner)
    return problem(404, "there is no such owner of yours");
  return show(gateway, call, owner_trust);
}

http::Reply overrule_owner(Gateway& gateway, const Call& call) {
  return show(gateway, call, [&](pg::Connection& pg, const std::string& owner) {
    return overrule(pg, owner, call.request.body);
  });
}

http::Reply get_unit_verdicts(Gateway& gateway, const Call& call) {
  return show(gateway, call, [&](pg::Connection& pg, const std::string& unit) {
    return unit_verdicts(pg, call.caller.tenant_seen(), unit);
  });
}

}  // namespace worldshare::dispatcher
