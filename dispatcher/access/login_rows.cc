#include "dispatcher/access/login_rows.h"

#include "dispatcher/gateway/row_reader.h"
#include "shared/crypto.h"

namespace worldshare::dispatcher {
namespace {

constexpr const char* kForgetLogins = "delete from logins where expires_at < now()";
constexpr const char* kMakeLogin = R"(
  insert into logins (id, hash, kind, token, token_hash, expires_at)
  values ($1, $2, $3, $4, $5, clock_timestamp() + $6::double precision * interval '1 millisecond'))";
constexpr const char* kFindLogin = R"(
  select hash, token, token_hash, (extract(epoch from expires_at) * 1000)::bigint from logins
   where id = $1 and kind = $2 and expires_at > now())";
constexpr const char* kEndLogin = "delete from logins where id = $1 and kind = $2";

Result<Secret> make_login(pg::Connection& pg,
                          std::string_view prefix,
                          const char* kind,
                          const std::string& token,
                          const std::string& token_hash,
                          std::chrono::milliseconds life) {
  if (auto forgot = pg.exec(kForgetLogins); !forgot) return std::unexpected(forgot.error());
  const Secret secret = new_secret(prefix);
  auto rows = pg.exec(kMakeLogin, {secret.id, secret.hash, kind, token, token_hash, life.count()});
  if (!rows) return std::unexpected(rows.error());
  return secret;
}

Result<std::optional<Login>> find_login(pg::Connection& pg,
                                        const std::string& id,
                                        const char* kind) {
  auto rows = pg.exec(kFindLogin, {id, kind});
  if (!rows) return std::unexpected(rows.error());
  if (rows->empty()) return std::nullopt;
  RowReader row(*rows, 0);
  Login login;
  login.hash = row.text();
  login.token = row.text();
  login.token_hash = row.text();
  login.expires_ms = row.number();
  return login;
}

}  // namespace

Result<Secret> make_code(pg::Connection& pg, const Caller& caller, std::chrono::milliseconds life) {
  return make_login(pg, kCodePrefix, "code", caller.token, caller.token_hash, life);
}

Result<Login> spend_code(pg::Connection& pg, const std::string& code) {
  const auto denied = [] {
    return fail(Errc::kDenied, "this code was used already, is too old or never was one");
  };
  const auto id = id_in(kCodePrefix, code);
  if (!id) return denied();
  auto login = find_login(pg, *id, "code");
  if (!login) return std::unexpected(login.error());
  if (!*login || !equal_constant_time((*login)->hash, hash_of(code))) return denied();
  auto spent = pg.exec(kEndLogin, {*id, "code"});
  if (!spent) return std::unexpected(spent.error());
  if (spent->affected() == 0) return denied();
  return std::move(**login);
}

Result<Secret> make_session(pg::Connection& pg,
                            const std::string& token,
                            const std::string& token_hash,
                            std::chrono::milliseconds life) {
  return make_login(pg, kSessionPrefix, "session", token, token_hash, life);
}

Result<std::optional<Login>> find_session(pg::Connection& pg, const std::string& id) {
  return find_login(pg, id, "session");
}

Result<> end_session(pg::Connection& pg, const std::string& id) {
  auto rows = pg.exec(kEndLogin, {id, "session"});
  if (!rows) return std::unexpected(rows.error());
  return {};
}

}  // namespace worldshare::dispatcher
