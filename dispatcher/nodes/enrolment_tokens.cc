#include "dispatcher/nodes/enrolment_tokens.h"

#include "dispatcher/gateway/row_reader.h"
#include "dispatcher/nodes/enrolment.h"
#include "shared/crypto.h"
#include "shared/ids.h"

namespace worldshare::dispatcher {
namespace {

constexpr std::uint32_t kShortestLife = 60;
constexpr std::uint32_t kDay = 24 * 3600;
constexpr std::uint32_t kLongestLife = 30 * kDay;

constexpr const char* kMake = R"(
  insert into enrolment_tokens (id, token_sha256, owner, note, expires_at)
  values ($1, $2, $3, $4, clock_timestamp() + make_interval(secs => $5))
  returning (extract(epoch from expires_at) * 1000)::bigint)";

constexpr const char* kTokens = R"(
  select t.micros, t.id, owner, note,
         case when used_at is not null then 'used' when withdrawn_at is not null then 'withdrawn'
              when expires_at <= clock_timestamp() then 'expired' else 'open' end,
         (extract(epoch from made_at) * 1000)::bigint, (extract(epoch from expires_at) * 1000)::bigint,
         coalesce((extract(epoch from used_at) * 1000)::bigint, 0), coalesce(agent, '')
    from (select *, -(extract(epoch from made_at) * 1e6)::bigint micros from enrolment_tokens) t
   where $1::bigint is null or (t.micros, t.id) > ($1::bigint, $2) order by t.micros, t.id limit $3)";

constexpr const char* kWithdrawOne = R"(
  update enrolment_tokens set withdrawn_at = coalesce(withdrawn_at, clock_timestamp())
   where id = $1 and used_at is null)";

// The lock lets one of two that spend the same token wait for the other.
constexpr const char* kFind = R"(
  select id, owner, coalesce(agent, ''), withdrawn_at is not null, expires_at <= clock_timestamp(),
         exists (select from credentials c where c.agent = t.agent and c.revoked_at is not null)
    from enrolment_tokens t where token_sha256 = $1 for update)";

constexpr const char* kSpend = R"(
  update enrolment_tokens set used_at = coalesce(used_at, clock_timestamp()), agent = $2 where id = $1)";

constexpr const char* kClass =
    "update agents set render_class = coalesce(nullif($2, ''), render_class), standing_reason = "
    "case when standing = 'enabled' then '' else standing_reason end, changed_at = "
    "clock_timestamp() where id = $1";

std::string hash_of(const std::string& token) { return to_hex(sha256(as_bytes(token))); }

/// Whose agent the token lets in.
Result<std::pair<std::string, std::string>> check_token(pg::Transaction& transaction,
                                                        const std::string& token,
                                                        const std::string& agent) {
  auto rows = transaction.exec(kFind, {hash_of(token)});
  if (!rows) return std::unexpected(rows.error());
  if (rows->empty()) {
    return fail(Errc::kDenied, "the enrolment token is not known here; ask the operator for one");
  }
  const std::string user = rows->str(0, 2);
  if (rows->boolean(0, 3))
    return fail(Errc::kDenied, "the enrolment token was withdrawn; ask the operator for a new one");
  if (rows->boolean(0, 4))
    return fail(Errc::kDenied, "the enrolment token has expired; ask the operator for a new one");
  if (!user.empty() && user != agent) {
    return fail(Errc::kDenied,
                "the enrolment token was used already, by another agent; each token lets one in");
  }
  if (rows->boolean(0, 5))
    return fail(Errc::kDenied, "this agent was revoked; ask the operator for a new token");
  return std::pair{rows->str(0, 0), rows->str(0, 1)};
}

}  // namespace

Result<wire::EnrolmentTokenT> make_enrolment_token(pg::Connection& pg,
                                                   const wire::EnrolmentOrderT& order) {
  if (auto ok = check_owner_name(order.owner); !ok) return std::unexpected(ok.error());
  const std::uint32_t life = order.lifetime_seconds == 0 ? kDay : order.lifetime_seconds;
  if (life < kShortestLife || life > kLongestLife) {
    return fail(Errc::kInvalid, "lifetime_seconds: must be " + std::to_string(kShortestLife) +
                                    " to " + std::to_string(kLongestLife) + ", or 0 for a day");
  }
  wire::EnrolmentTokenT out;
  out.id = new_id();
  out.token = "wsenrol-" + new_id();
  out.owner = order.owner;
  auto rows = pg.exec(
      kMake, {out.id, hash_of(out.token), out.owner, messages::clean_text(order.note, 200), life});
  if (!rows) return std::unexpected(rows.error());
  out.expires_ms = static_cast<std::uint64_t>(rows->integer(0, 0));
  return out;
}

Result<wire::EnrolmentTokenListT> enrolment_tokens(pg::Connection& pg, const Page& page) {
  auto rows = pg.exec(kTokens, {page.key(0), page.key(1), page.limit + 1});
  if (!rows) return std::unexpected(rows.error());
  wire::EnrolmentTokenListT list;
  for (int i = 0; i < rows->size() && i < page.limit; ++i) {
    RowReader row(*rows, i);
    auto line = std::make_unique<wire::EnrolmentTokenLineT>();
    const std::string micros = row.text();
    line->id = row.text();
    line->owner = row.text();
    line->note = row.text();
    line->state = row.text();
    line->made_ms = row.number();
    line->expires_ms = row.number();
    line->used_ms = row.number();
    line->agent = row.text();
    if (i + 1 == page.limit && rows->size() > page.limit) list.next = cursor_of({micros, line->id});
    list.tokens.push_back(std::move(line));
  }
  return list;
}

Result<> withdraw_enrolment_token(pg::Connection& pg, const std::string& id) {
  auto rows = pg.exec(kWithdrawOne, {id});
  if (!rows) return std::unexpected(rows.error());
  if (rows->affected() > 0) return {};
  rows = pg.exec("select agent from enrolment_tokens where id = $1", {id});
  if (!rows) return std::unexpected(rows.error());
  if (rows->empty())
    return fail(Errc::kNotFound, "there is no enrolment token " + messages::clean_text(id, 64));
  return fail(Errc::kConflict,
              "the token was used by agent " + rows->str(0, 0) + "; revoke that agent instead");
}

Result<std::string> redeem_enrolment_token(pg::Connection& pg,
                                           const std::string& token,
                                           const std::string& agent,
                                           const std::string& render_class) {
  auto transaction = pg::Transaction::begin(pg);
  if (!transaction) return std::unexpected(transaction.error());
  auto found = check_token(*transaction, token, agent);
  if (!found) return std::unexpected(found.error());
  const auto& [id, owner] = *found;
  if (auto ok = enrol(*transaction, agent, owner); !ok) return std::unexpected(ok.error());
  auto rows = transaction->exec(kSpend, {id, agent});
  if (rows) rows = transaction->exec(kClass, {agent, messages::clean_text(render_class, 100)});
  if (!rows) return std::unexpected(rows.error());
  if (auto ok = transaction->commit(); !ok) return std::unexpected(ok.error());
  return owner;
}

}  // namespace worldshare::dispatcher
