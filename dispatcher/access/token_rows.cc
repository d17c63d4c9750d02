#include "dispatcher/access/token_rows.h"

#include <algorithm>

#include "dispatcher/access/secret.h"
#include "dispatcher/gateway/row_reader.h"

namespace worldshare::dispatcher {
namespace {

constexpr std::uint32_t kMostDays = 3'650;

constexpr const char* kMakeTenant = "insert into tenants (id) values ($1) on conflict do nothing";

constexpr const char* kMakeToken = R"(
  insert into api_tokens (id, hash, name, role, tenant, owner, created_by, expires_at)
  values ($1, $2, $3, $4, $5, $6, $7, clock_timestamp() + make_interval(days => $8))
  returning (extract(epoch from created_at) * 1000)::bigint, (extract(epoch from expires_at) * 1000)::bigint)";

constexpr const char* kTokens = R"(
  select t.id, t.name, t.role, coalesce(t.tenant, ''), coalesce(t.owner, ''), t.created_by,
         t.micros / 1000, (extract(epoch from t.expires_at) * 1000)::bigint,
         (extract(epoch from t.revoked_at) * 1000)::bigint, (extract(epoch from t.last_used_at) * 1000)::bigint,
         case when t.revoked_at is not null then 'revoked' when t.expires_at <= now() then 'expired' else 'valid' end,
         t.micros
    from (select *, (extract(epoch from created_at) * 1000000)::bigint as micros from api_tokens) t
   where $1::bigint is null or (t.micros, t.id) < ($1::bigint, $2)
   order by t.micros desc, t.id desc limit $3)";

constexpr const char* kRevoke = R"(
  update api_tokens set revoked_at = coalesce(revoked_at, clock_timestamp()), revoked_by = coalesce(revoked_by, $2)
   where id = $1)";
constexpr const char* kEndLogins = "delete from logins where token = $1";

constexpr const char* kFind = R"(
  select id, hash, name, role, coalesce(tenant, ''), coalesce(owner, ''),
         (extract(epoch from expires_at) * 1000)::bigint
    from api_tokens where id = $1 and revoked_at is null and expires_at > now())";

// So that a look at a token that is in use seldom writes.
constexpr const char* kTouchToken = R"(
  update api_tokens set last_used_at = now()
   where id = $1 and (last_used_at is null or last_used_at < now() - interval '5 minutes'))";

constexpr const char* kEnded = R"(
  select x.id from unnest($1::text[]) x(id)
   where not exists (select 1 from api_tokens t where t.id = x.id and t.revoked_at is null and t.expires_at > now()))";

Result<> check_account(const std::string& field, const std::string& value, bool wanted) {
  if (!wanted && !value.empty())
    return fail(Errc::kInvalid, field + ": does not go with this role; leave it out");
  if (wanted && !is_account(value)) {
    return fail(Errc::kInvalid,
                field + ": must be given, 1 to 40 of the letters a-z, digits, '-' and '_'");
  }
  return {};
}

Result<Role> check(const wire::TokenOrderT& order) {
  if (order.name.empty() || messages::clean_text(order.name, 100) != order.name)
    return fail(Errc::kInvalid, "name: must be 1 to 100 bytes of plain text; whose token it is");
  const auto role = role_named(order.role);
  if (!role) return fail(Errc::kInvalid, "role: must be artist, volunteer or operator");
  const bool volunteer = *role == Role::volunteer;
  if (auto ok = check_account("tenant", order.tenant, !volunteer); !ok)
    return std::unexpected(ok.error());
  // Owners are named by whoever enrols their agents.
  if (volunteer && (order.owner.empty() || messages::clean_text(order.owner, 100) != order.owner))
    return fail(Errc::kInvalid, "owner: must be given; the volunteer whose nodes it may see");
  if (!volunteer && !order.owner.empty())
    return fail(Errc::kInvalid, "owner: does not go with this role; leave it out");
  if (order.days < 1 || order.days > kMostDays)
    return fail(Errc::kInvalid, "days: must be 1 to " + std::to_string(kMostDays));
  return *role;
}

pg::Param or_null(const std::string& text) {
  return text.empty() ? pg::Param(std::nullopt) : pg::Param(text);
}

}  // namespace

Result<wire::TokenCreatedT> create_token(pg::Connection& pg,
                                         const wire::TokenOrderT& order,
                                         const std::string& created_by) {
  const auto role = check(order);
  if (!role) return std::unexpected(role.error());
  const Secret secret = new_secret(kTokenPrefix);
  auto transaction = pg::Transaction::begin(pg);
  if (!transaction) return std::unexpected(transaction.error());
  if (!order.tenant.empty()) {
    if (auto made = transaction->exec(kMakeTenant, {order.tenant}); !made)
      return std::unexpected(made.error());
  }
  auto rows = transaction->exec(
      kMakeToken, {secret.id, secret.hash, order.name, order.role, or_null(order.tenant),
                   or_null(order.owner), created_by, order.days});
  if (!rows) return std::unexpected(rows.error());
  if (auto ok = transaction->commit(); !ok) return std::unexpected(ok.error());
  wire::TokenCreatedT created;
  created.secret = secret.text;
  created.token = std::make_unique<wire::TokenLineT>();
  auto& line = *created.token;
  line.id = secret.id;
  line.name = order.name;
  line.role = order.role;
  line.tenant = order.tenant;
  line.owner = order.owner;
  line.created_by = created_by;
  line.created_ms = static_cast<std::uint64_t>(rows->integer(0, 0));
  line.expires_ms = static_cast<std::uint64_t>(rows->integer(0, 1));
  line.state = "valid";
  return created;
}

Result<wire::TokenListT> token_list(pg::Connection& pg, const Page& page) {
  auto rows = pg.exec(kTokens, {page.key(0), page.key(1), page.limit + 1});
  if (!rows) return std::unexpected(rows.error());
  wire::TokenListT list;
  fill_lines<wire::TokenLineT>(*rows, page, list.tokens, list.next,
                               [](RowReader& row, wire::TokenLineT& line) {
                                 line.id = row.text();
                                 line.name = row.text();
                                 line.role = row.text();
                                 line.tenant = row.text();
                                 line.owner = row.text();
                                 line.created_by = row.text();
                                 line.created_ms = row.number();
                                 line.expires_ms = row.number();
                                 line.revoked_ms = row.number();
                                 line.last_used_ms = row.number();
                                 line.state = row.text();
                                 return std::vector<std::string>{row.text(), line.id};
                               });
  return list;
}

Result<> revoke_token(pg::Connection& pg, const std::string& id, const std::string& by) {
  auto transaction = pg::Transaction::begin(pg);
  if (!transaction) return std::unexpected(transaction.error());
  auto rows = transaction->exec(kRevoke, {id, by});
  if (!rows) return std::unexpected(rows.error());
  if (rows->affected() == 0)
    return fail(Errc::kNotFound, "there is no token " + messages::clean_text(id, 64));
  rows = transaction->exec(kEndLogins, {id});
  if (!rows) return std::unexpected(rows.error());
  return transaction->commit();
}

Result<std::optional<Caller>> find_token(pg::Connection& pg, const std::string& id) {
  auto rows = pg.exec(kFind, {id});
  if (!rows) return std::unexpected(rows.error());
  if (rows->empty()) return std::nullopt;
  RowReader row(*rows, 0);
  Caller caller;
  caller.token = row.text();
  caller.token_hash = row.text();
  caller.name = row.text();
  caller.role = role_named(row.text()).value_or(Role::artist);
  caller.tenant = row.text();
  caller.owner = row.text();
  caller.expires_ms = row.number();
  if (auto touched = pg.exec(kTouchToken, {id}); !touched) return std::unexpected(touched.error());
  return caller;
}

Result<std::vector<std::string>> ended_tokens(pg::Connection& pg,
                                              const std::vector<std::string>& ids) {
  auto rows = pg.exec(kEnded, {pg::array(ids)});
  if (!rows) return std::unexpected(rows.error());
  std::vector<std::string> out;
  for (int i = 0; i < rows->size(); ++i) out.push_back(rows->str(i, 0));
  return out;
}

}  // namespace worldshare::dispatcher
