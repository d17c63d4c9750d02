#include "dispatcher/nodes/enrolment.h"

#include "shared/crypto.h"
#include "shared/messages/messages.h"
#include "shared/nats/agent_accounts.h"

namespace worldshare::dispatcher {
namespace {

constexpr std::string_view kOwnerCharacters =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

// The economy learns of it by changed_at.
constexpr const char* kRevoke = R"(
  with gone as (update credentials c set revoked_at = coalesce(c.revoked_at, now()) from agents a
                 where a.id = c.agent and (a.id = $1::text or a.owner = $2::text) and ($2::text is null or c.revoked_at is null)
             returning c.agent)
  update agents set changed_at = clock_timestamp(), standing_reason = $3
    from gone where agents.id = gone.agent)";

// issued_at: since when it may come in.
constexpr const char* kLetIn = R"(
  insert into credentials as c (agent) values ($1) on conflict (agent) do update
     set issued_at = case when c.revoked_at is null then c.issued_at else now() end, revoked_at = null)";

constexpr const char* kWithdraw = R"(
  update enrolment_tokens set withdrawn_at = clock_timestamp()
   where owner = $1 and used_at is null and withdrawn_at is null)";

constexpr std::size_t kReasonBytes = 500;

}  // namespace

Result<> check_owner_name(const std::string& owner) {
  if (owner.empty() || owner.size() > 64 ||
      owner.find_first_not_of(kOwnerCharacters) != std::string::npos) {
    return fail(Errc::kInvalid, "owner: 1 to 64 letters, digits, '.', '_' or '-'");
  }
  return {};
}

Result<> enrol(pg::Connection& pg, const std::string& agent, const std::string& owner) {
  auto transaction = pg::Transaction::begin(pg);
  if (!transaction) return std::unexpected(transaction.error());
  if (auto ok = enrol(*transaction, agent, owner); !ok) return ok;
  return transaction->commit();
}

Result<> enrol(pg::Transaction& transaction, const std::string& agent, const std::string& owner) {
  if (!is_user_nkey(agent))
    return fail(Errc::kInvalid, "agent: must be a public nkey (U and 55 characters)");
  if (auto ok = check_owner_name(owner); !ok) return ok;
  auto rows =
      transaction.exec("insert into owners (id) values ($1) on conflict do nothing", {owner});
  if (rows)
    rows = transaction.exec("insert into agents (id, owner) values ($1, $2) on conflict do nothing",
                            {agent, owner});
  if (rows) rows = transaction.exec("select owner from agents where id = $1", {agent});
  if (!rows) return std::unexpected(rows.error());
  if (rows->text(0, 0) != owner) {
    return fail(Errc::kConflict, "agent " + agent + " belongs to " + rows->str(0, 0));
  }
  rows = transaction.exec(kLetIn, {agent});
  if (!rows) return std::unexpected(rows.error());
  return {};
}

Result<> revoke(pg::Connection& pg, const std::string& agent, const std::string& reason) {
  auto rows = pg.exec(kRevoke, {agent, std::nullopt, messages::clean_text(reason, kReasonBytes)});
  if (!rows) return std::unexpected(rows.error());
  if (rows->affected() == 0) {
    return fail(Errc::kNotFound,
                "agent " + messages::clean_text(agent, 64) + " was never enrolled");
  }
  return {};
}

Result<OwnerRevocation> revoke_owner(pg::Connection& pg,
                                     const std::string& owner,
                                     const std::string& reason) {
  auto transaction = pg::Transaction::begin(pg);
  if (!transaction) return std::unexpected(transaction.error());
  auto known = transaction->exec(
      "select exists (select from owners where id = $1) or exists (select from enrolment_tokens "
      "where owner = $1)",
      {owner});
  if (!known) return std::unexpected(known.error());
  if (!known->boolean(0, 0))
    return fail(Errc::kNotFound, "there is no owner " + messages::clean_text(owner, 64));
  auto agents =
      transaction->exec(kRevoke, {std::nullopt, owner, messages::clean_text(reason, kReasonBytes)});
  if (!agents) return std::unexpected(agents.error());
  auto tokens = transaction->exec(kWithdraw, {owner});
  if (!tokens) return std::unexpected(tokens.error());
  if (auto ok = transaction->commit(); !ok) return std::unexpected(ok.error());
  return OwnerRevocation{static_cast<std::uint32_t>(agents->affected()),
                         static_cast<std::uint32_t>(tokens->affected())};
}

Result<std::string> agents_conf_text(pg::Transaction& transaction) {
  auto rows =
      transaction.exec("select agent from credentials where revoked_at is null order by agent");
  if (!rows) return std::unexpected(rows.error());
  std::vector<std::string> agents;
  for (int i = 0; i < rows->size(); ++i) agents.push_back(rows->str(i, 0));
  return nats::agents_conf(agents);
}

}  // namespace worldshare::dispatcher
