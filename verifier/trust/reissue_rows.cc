#include "verifier/trust/reissue_rows.h"

#include "verifier/trust/columns.h"

namespace worldshare::verifier {
namespace {

constexpr const char* kAddCanaries = R"(
  insert into reissues (unit, kind, wanted)
  select unit, 'canary', wanted from unnest($1::bigint[], $2::smallint[]) x(unit, wanted)
  on conflict (unit) where state = 'open' do nothing)";

constexpr const char* kChangeReissues = R"(
  update reissues i set state = x.state, wanted = greatest(i.wanted, x.wanted), reason = x.reason,
         ended_at = case when x.state <> 'open' then clock_timestamp() end
    from unnest($1::bigint[], $2::text[], $3::smallint[], $4::text[]) x(id, state, wanted, reason)
   where i.id = x.id and i.state = 'open')";

// One that is in doubt already is so from now on: whoever looks back finds it looked at since the
// newest exclusion.
constexpr const char* kAddDoubts = R"(
  insert into reissues (unit, kind, wanted, reason)
  select x.unit, 'doubt', 1 + (select count(*) from results r where r.unit = x.unit and r.audit is null and r.outcome <> 'void'), x.reason
    from unnest($1::bigint[], $2::text[]) with ordinality x(unit, reason, place) order by x.place
  on conflict (unit) where state = 'open' do update
     set kind = 'doubt', wanted = excluded.wanted, reason = excluded.reason, made_at = clock_timestamp())";

Result<> add_canaries(pg::Transaction& transaction, const std::vector<Minutes::Canary>& made) {
  if (made.empty()) return {};
  return run(transaction, kAddCanaries,
             {column(made, [](const auto& row) { return row.unit; }),
              column(made, [](const auto& row) { return static_cast<std::int64_t>(row.wanted); })});
}

Result<> change_open(pg::Transaction& transaction,
                     const std::map<std::int64_t, Minutes::ReissueChange>& changed) {
  if (changed.empty()) return {};
  return run(transaction, kChangeReissues,
             {column(changed, [](const auto& row) { return row.first; }),
              column(changed, [](const auto& row) { return row.second.state; }),
              column(changed,
                     [](const auto& row) { return static_cast<std::int64_t>(row.second.wanted); }),
              column(changed, [](const auto& row) { return row.second.reason; })});
}

}  // namespace

Result<> change_reissues(pg::Transaction& transaction, const Minutes& minutes) {
  if (auto ok = add_canaries(transaction, minutes.canaries); !ok) return ok;
  if (auto ok = change_open(transaction, minutes.reissues); !ok) return ok;
  std::vector<Doubt> doubts;
  for (const auto& [unit, reason] : minutes.doubts) doubts.push_back({unit, reason});
  return add_doubts(transaction, doubts);
}

Result<> add_doubts(pg::Transaction& transaction, const std::vector<Doubt>& doubts) {
  if (doubts.empty()) return {};
  return run(transaction, kAddDoubts,
             {column(doubts, [](const Doubt& doubt) { return doubt.unit; }),
              column(doubts, [](const Doubt& doubt) { return doubt.reason; })});
}

}  // namespace worldshare::verifier
